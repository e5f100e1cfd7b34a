//! What the parts of a request are written in: what its headers and its path say of that.

use axum::http::{HeaderMap, StatusCode, header};

use super::Problem;

/// Refuses a body that is not JSON, in UTF-8.
pub(super) fn must_be_json(headers: &HeaderMap) -> Result<(), Problem> {
    must_be(headers, &["json"], "send the body with `Content-Type: application/json`")
}

/// Refuses a body that is neither YAML nor JSON, in UTF-8.
pub(super) fn must_be_world_file(headers: &HeaderMap) -> Result<(), Problem> {
    let words = "send the world file with `Content-Type: application/yaml`, or `application/json`";
    must_be(headers, &["yaml", "x-yaml", "json"], words)
}

fn must_be(headers: &HeaderMap, kinds: &[&str], words: &str) -> Result<(), Problem> {
    let unsupported = |words: &str| Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, words);
    let said = headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default().to_ascii_lowercase());
    let said = said.ok_or_else(|| unsupported(words))?;
    let mut parts = said.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let subtype = essence.split_once('/').map_or("", |(_, subtype)| subtype);
    let subtype = subtype.rsplit_once('+').map_or(subtype, |(_, suffix)| suffix);
    if !kinds.contains(&subtype) {
        return Err(unsupported(words));
    }
    let charset = parts.find_map(|part| part.strip_prefix("charset=")).map(|charset| charset.trim_matches('"'));
    match charset {
        None | Some("utf-8" | "utf8" | "us-ascii") => Ok(()),
        Some(_) => Err(unsupported("send the body in UTF-8")),
    }
}

/// Whether a path is UTF-8 where it is written in percent.
pub(super) fn is_text(path: &str) -> bool {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let mut after = rest.clone();
        let digits = (byte == b'%').then(|| [after.next(), after.next()]);
        let digit = |byte: Option<u8>| char::from(byte.unwrap_or_default()).to_digit(16);
        match digits.and_then(|[high, low]| u8::try_from(digit(high)? * 16 + digit(low)?).ok()) {
            Some(written) => {
                bytes.push(written);
                rest = after;
            }
            None => bytes.push(byte),
        }
    }
    std::str::from_utf8(&bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_or_yaml_in_utf_8() {
        let status = |check: fn(&HeaderMap) -> Result<(), Problem>, kind: &'static str| {
            let headers: HeaderMap = [(header::CONTENT_TYPE, kind.parse().expect("a header"))].into_iter().collect();
            check(&headers).map_or_else(|problem| problem.status(), |()| 200)
        };
        for kind in ["application/json", "Application/JSON; Charset=\"UTF-8\"", "application/merge-patch+json"] {
            assert_eq!((status(must_be_json, kind), status(must_be_world_file, kind)), (200, 200), "{kind}");
        }
        assert_eq!((status(must_be_json, "text/yaml"), status(must_be_world_file, "text/yaml")), (415, 200));
        for kind in ["text/plain", "application/json; charset=utf-16", "application/x-www-form-urlencoded", "json", ""]
        {
            assert_eq!((status(must_be_json, kind), status(must_be_world_file, kind)), (415, 415), "{kind}");
        }
        assert_eq!(must_be_world_file(&HeaderMap::new()).map_err(|problem| problem.status()), Err(415));
    }

    #[test]
    fn paths_are_text() {
        assert!(is_text("/worlds/alpha") && is_text("/worlds/%C3%A4") && is_text("/100%/%zz"));
        assert!(!is_text("/worlds/%ff%fe"));
    }
}
