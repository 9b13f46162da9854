//! The searches whose states are counted, to compare model checkers and solutions.

use faultlab::search::Search;

use super::searches;
use super::setup::Keys;

/// The search of a specification: `3x2:same` is three clients that append twice each to one key.
pub(super) fn search(spec: &str) -> Result<Search, String> {
    let (clients, appends, keys) = parse(spec).ok_or_else(|| {
        format!(
            "`{spec}` is not a search to count; `3x2:same` means three clients that append twice each to one key, \
             `3x2:different` a key each; 1 to 6 clients, 1 to 20 appends"
        )
    })?;
    Ok(searches::appending(clients, appends, keys))
}

fn parse(spec: &str) -> Option<(usize, usize, Keys)> {
    let (size, keys) = spec.split_once(':')?;
    let (clients, appends) = size.split_once('x')?;
    let keys = match keys {
        "same" => Keys::Shared,
        "different" => Keys::Own,
        _ => return None,
    };
    let clients = clients.parse().ok().filter(|clients| (1..=6).contains(clients))?;
    let appends = appends.parse().ok().filter(|appends| (1..=20).contains(appends))?;
    Some((clients, appends, keys))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifications_are_parsed_strictly() {
        assert_eq!(parse("3x2:same"), Some((3, 2, Keys::Shared)));
        assert_eq!(parse("1x20:different"), Some((1, 20, Keys::Own)));
        for wrong in ["", "3", "3x2", "3x2:", "0x2:same", "7x2:same", "3x21:same", "x:same"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
