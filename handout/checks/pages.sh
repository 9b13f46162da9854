#!/bin/sh
# Checks the accessibility of pages, in light and dark, at widths of 360, 800 and 1920: axe may find nothing
# serious, and no page may scroll sideways.
#
#     handout/checks/pages.sh FOLDER...      all *.html files below these folders
#
# It needs Chromium, and axe-core: AXE names its axe.min.js, or else npm fetches it.
set -eu

[ $# -gt 0 ] || { echo "usage: $0 FOLDER..." >&2; exit 2; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    { echo "error: Chromium is not installed" >&2; exit 4; }
if [ -z "${AXE:-}" ]; then
    (cd "$scratch" && npm pack --silent axe-core >/dev/null && tar -xzf axe-core-*.tgz) ||
        { echo "error: axe-core cannot be fetched; set AXE to its axe.min.js" >&2; exit 4; }
    AXE=$scratch/package/axe.min.js
fi
cp "$AXE" "$scratch/axe.js"

# In a frame: runs axe, and tells the page around it what was found.
cat >"$scratch/run.js" <<'JS'
"use strict";
addEventListener("load", async () => {
  const frame = decodeURIComponent(location.hash.slice(1));
  const lines = [];
  try {
    const root = document.documentElement;
    const over = root.scrollWidth - root.clientWidth;
    if (over > 0) lines.push(`scrolls sideways by ${over} pixels`);
    const { violations } = await axe.run({ resultTypes: ["violations"] });
    for (const { id, impact, nodes } of violations) {
      if (impact !== "serious" && impact !== "critical") continue;
      lines.push(`${id} (${impact}), ${nodes.length} times: ${nodes[0].target.join(" ")}`);
    }
  } catch (error) {
    lines.push(`not checked: ${error}`);
  }
  parent.postMessage({ frame, lines }, "*");
});
JS

# Around the frames: collects what they found.
cat >"$scratch/frames.js" <<'JS'
"use strict";
const waiting = new Set([...document.querySelectorAll("iframe")].map((frame) => frame.title));
addEventListener("message", ({ data: { frame, lines } }) => {
  if (!waiting.delete(frame)) return;
  for (const line of lines) document.querySelector("#found").append(`FOUND ${frame}: ${line}\n`);
  if (waiting.size === 0) document.querySelector("#found").append("CHECKED ALL\n");
});
JS

pages=0
bad=0
for folder in "$@"; do
    copy=$scratch/$((pages + 1))-$(basename -- "$folder")
    cp -R -- "$folder" "$copy"
    find "$copy" -name '*.html' ! -path '*/.work/*' | sort >"$scratch/pages"
    while IFS= read -r page; do
        pages=$((pages + 1))
        # The page's security policy allows no scripts but its own, and none at all in feedback.
        sed -i '/http-equiv="Content-Security-Policy"/d' "$page"
        printf '<script src="file://%s"></script><script src="file://%s"></script>\n' \
            "$scratch/axe.js" "$scratch/run.js" >>"$page"
        {
            echo '<!doctype html><title>frames</title><pre id="found"></pre>'
            for width in 360 800 1920; do
                for scheme in light dark; do
                    name="$scheme $width"
                    printf '<iframe title="%s" width="%s" height="900" style="color-scheme: %s" src="file://%s#%s"></iframe>\n' \
                        "$name" "$width" "$scheme" "$page" "$(echo "$name" | sed 's/ /%20/')"
                done
            done
            printf '<script src="file://%s"></script>\n' "$scratch/frames.js"
        } >"$scratch/frames.html"
        # A busy machine may not finish all frames at once.
        for _ in 1 2 3; do
            "$browser" --headless --no-sandbox --disable-gpu --allow-file-access-from-files \
                --user-data-dir="$scratch/profile" --timeout=60000 --virtual-time-budget=60000 \
                --dump-dom "file://$scratch/frames.html" >"$scratch/dom" 2>"$scratch/err" || true
            if grep -q 'CHECKED ALL' "$scratch/dom"; then break; fi
        done
        if ! grep -q 'CHECKED ALL' "$scratch/dom"; then
            echo "${page#"$scratch"/}: not every frame was checked"
            bad=$((bad + 1))
        fi
        if grep -o 'FOUND .*' "$scratch/dom" >"$scratch/found"; then
            sed "s|^FOUND|${page#"$scratch"/}:|" "$scratch/found"
            bad=$((bad + 1))
        fi
    done <"$scratch/pages"
done
if [ "$bad" -gt 0 ]; then
    echo "$bad of $pages pages are not accessible" >&2
    exit 1
fi
echo "$pages pages, in light and dark, at three widths: nothing serious"
