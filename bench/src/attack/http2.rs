//! Frames of HTTP/2 as bytes, written by hand because no library sends what an attack must. It reads none.

/// What a client says first, with settings that hold this window for each stream.
pub(super) fn opening(window: u32) -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(settings(&[(INITIAL_WINDOW, window)]));
    bytes
}

const INITIAL_WINDOW: u16 = 4;

pub(super) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let payload = |(name, value): &(u16, u32)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(4, 0, 0, &values.iter().flat_map(payload).collect::<Vec<_>>())
}

pub(super) fn ping() -> Vec<u8> {
    frame(6, 0, 0, b"whatever")
}

/// Ends a stream: nobody wants its answer any more.
pub(super) fn cancel(stream: u32) -> Vec<u8> {
    const CANCEL: u32 = 8;
    frame(3, 0, stream, &CANCEL.to_be_bytes())
}

/// The head of a request; what follows is its body, if it has one.
pub(super) fn head(stream: u32, method: Method, path: &str, token: Option<&str>) -> Vec<u8> {
    let flags = END_HEADERS | if matches!(method, Method::Get) { END_STREAM } else { 0 };
    frame(1, flags, stream, &fields(method, path, token))
}

/// The head of a request, of which more is to follow.
pub(super) fn begun_head(stream: u32) -> Vec<u8> {
    frame(1, 0, stream, &fields(Method::Get, "/", None))
}

/// More of a head, and not its end.
pub(super) fn continuation(stream: u32) -> Vec<u8> {
    frame(9, 0, stream, &literal(&[0], "x", &"y".repeat(100)).repeat(150))
}

/// A whole body.
pub(super) fn body(stream: u32, bytes: &[u8]) -> Vec<u8> {
    frame(0, END_STREAM, stream, bytes)
}

#[derive(Clone, Copy)]
pub(super) enum Method {
    Get,
    Post,
}

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Header fields, never indexed: the numbers are those of the static table (RFC 7541, appendix A).
fn fields(method: Method, path: &str, token: Option<&str>) -> Vec<u8> {
    let method = match method {
        Method::Get => 0x82,
        Method::Post => 0x83,
    };
    const SCHEME_HTTP: u8 = 0x86;
    let mut fields = vec![method, SCHEME_HTTP];
    fields.extend(text_after(&[0x04], path));
    fields.extend(text_after(&[0x01], "strongroom"));
    if let Some(token) = token {
        fields.extend(text_after(&[0x0f, 0x08], &format!("Bearer {token}")));
    }
    fields.extend(text_after(&[0x0f, 0x10], "application/json"));
    fields
}

fn literal(kind: &[u8], name: &str, value: &str) -> Vec<u8> {
    text_after(&text_after(kind, name), value)
}

fn text_after(before: &[u8], text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 0x7f);
    [before, &[length.expect("a short text")], text.as_bytes()].concat()
}
