//! `--watch`: a page that shows a batch while it is graded, for a browser on this machine.
//!
//! The page is the `index.html` that the grader renders, with a live part in it. Nothing is written
//! but requests to cancel a submission.

mod live;

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use percent_encoding::percent_decode_str;
use tiny_http::{Header, Method, Request, Response, Server};

use crate::output::{DOCUMENTS, LIVE_MARK};
use crate::store::{Key, Store, random_word};

type Page = Response<io::Cursor<Vec<u8>>>;

/// Serves the page until the process is ended. `port` 0 picks a free one.
///
/// # Errors
/// If there are no results, or the port is taken.
pub fn serve(store: &Store, port: u16) -> anyhow::Result<()> {
    live::state(store)?;
    let server = Server::http(("127.0.0.1", port))
        .map_err(|error| anyhow!("cannot listen on port {port}: {error}"))?;
    let address = server.server_addr().to_ip().context("there is no address")?;
    writeln!(io::stdout(), "http://{address}/  (Ctrl-C ends it)")?;
    let site = Site { store: store.clone(), port: address.port(), token: random_word()? };
    for mut request in server.incoming_requests() {
        let page =
            site.answer(&mut request).unwrap_or_else(|error| text(500, &format!("{error:#}")));
        // The browser may have gone away.
        let _ = request.respond(page);
    }
    Ok(())
}

struct Site {
    store: Store,
    port: u16,
    /// A secret that is in the page, so that no other page can cancel anything.
    token: String,
}

impl Site {
    fn answer(&self, request: &mut Request) -> anyhow::Result<Page> {
        if !self.is_for_us(request) {
            return Ok(text(403, "this page is for a browser on this machine only"));
        }
        let path = request.url().split('?').next().unwrap_or_default().to_owned();
        match (request.method(), path.as_str()) {
            (Method::Get, "/") => self.index(),
            (Method::Get, path) => Ok(self.document(path)),
            (Method::Post, "/cancel") => self.cancel(request),
            _ => Ok(text(405, "not allowed")),
        }
    }

    /// Whether the browser asked for this machine by its own name. Another name may be an attacker's that
    /// leads here.
    fn is_for_us(&self, request: &Request) -> bool {
        let host = request.headers().iter().find(|header| header.field.equiv("Host"));
        let host = host.map(|header| header.value.as_str()).unwrap_or_default();
        ["127.0.0.1", "localhost"].iter().any(|name| host == format!("{name}:{}", self.port))
    }

    fn index(&self) -> anyhow::Result<Page> {
        let page = fs::read_to_string(self.store.root().join("index.html"))
            .context("the grader has not rendered its page yet")?;
        let live = live::html(&live::state(&self.store)?, &self.token);
        let page = page.replacen(LIVE_MARK, &live, 1);
        // A header and not an element, so that screen readers keep their place where they can.
        Ok(html(page).with_header(header("Refresh", "5")))
    }

    /// A student's document.
    fn document(&self, path: &str) -> Page {
        let missing = || text(404, "there is no such page");
        let Some((student, file)) = path.trim_start_matches('/').split_once('/') else {
            return missing();
        };
        let student = percent_decode_str(student).decode_utf8_lossy();
        let known = fs::read_to_string(self.store.work().join("students")).unwrap_or_default();
        if !known.lines().any(|id| id == student) || !DOCUMENTS.contains(&file) {
            return missing();
        }
        match fs::read_to_string(self.store.student(&student).join(file)) {
            Ok(page) if Path::new(file).extension().is_some_and(|end| end == "html") => html(page),
            Ok(other) => text(200, &other),
            Err(_) => missing(),
        }
    }

    fn cancel(&self, request: &mut Request) -> anyhow::Result<Page> {
        const BODY_BYTES_MAX: u64 = 1 << 12;
        let mut body = String::new();
        request.as_reader().take(BODY_BYTES_MAX).read_to_string(&mut body)?;
        let field = |name: &str| {
            body.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)
        };
        if field("token").is_none_or(|(_, token)| token != self.token) {
            return Ok(text(403, "reload the page and try again"));
        }
        let Some(key) = field("key").and_then(|(_, key)| Key::parse(key)) else {
            return Ok(text(400, "there is no such submission"));
        };
        self.store.cancel(&key)?;
        Ok(text(303, "it will be cancelled").with_header(header("Location", "/")))
    }
}

fn header(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).expect("names and values are plain ASCII")
}

fn html(page: String) -> Page {
    Response::from_string(page).with_header(header("Content-Type", "text/html; charset=utf-8"))
}

fn text(status: u16, text: &str) -> Page {
    Response::from_string(format!("{text}\n")).with_status_code(status)
}
