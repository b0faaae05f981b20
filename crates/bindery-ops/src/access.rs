//! Who may change something: a program that was told the address, not a page in somebody's browser.
//!
//! A page can send a request to any address that its browser reaches, loopback included, and can give its own host
//! name that address after it was loaded (DNS rebinding). So a request that changes something names a host that nobody
//! can take over (an address, `localhost`, a name without a dot), has no foreign `Origin`, and has a JSON body, which a
//! browser sends elsewhere only after asking.

use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, StatusCode};

use crate::problem::Problem;

/// Refuses a change that a browser could have been made to send.
pub(crate) fn check_change(headers: &HeaderMap) -> Result<(), Problem> {
    let host = text(headers, HOST);
    if !host.is_some_and(is_safe) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "the `Host` of a request that changes something is an address, `localhost` or a name without a dot: call the service by its address",
        ));
    }
    if let Some(origin) = text(headers, ORIGIN) {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        if authority != host {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "requests of another origin change nothing: leave `Origin` out, or call from the same host and port",
            ));
        }
    }
    match text(headers, CONTENT_TYPE).map(essence) {
        Some(essence) if essence == "application/json" || essence.ends_with("+json") => Ok(()),
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body is JSON: send `Content-Type: application/json`",
        )),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn essence(content_type: &str) -> String {
    let bare = content_type.split(';').next().unwrap_or_default();
    bare.trim().to_ascii_lowercase()
}

/// Whether nobody on the internet can own this host name.
fn is_safe(host: &str) -> bool {
    let name = host_name(host);
    let is_address = name.parse::<std::net::IpAddr>().is_ok();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    is_address
        || !name.is_empty() && name.bytes().all(plain)
        || name.to_ascii_lowercase().ends_with(".localhost")
}

/// The host without brackets and port.
fn host_name(host: &str) -> &str {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_that_nobody_can_own_are_safe() {
        for host in [
            "127.0.0.1:8080",
            "10.1.2.3",
            "[::1]:80",
            "localhost",
            "inventory:8081",
            "a.localhost",
        ] {
            assert!(is_safe(host), "{host}");
        }
        for host in [
            "",
            ":80",
            "example.com",
            "127.0.0.1.example.com:80",
            "a b",
            "[::1.example.com]",
        ] {
            assert!(!is_safe(host), "{host}");
        }
    }
}
