//! Whole numbers that are written with decimals: JSON Schema's `integer` takes `3.0`, as
//! some languages write every number; serde's integers do not.

/// The JSON text with its whole numbers written as such, or `None` if they are.
pub(crate) fn without_decimals(json: &[u8]) -> Option<Vec<u8>> {
    let mut written = Vec::with_capacity(json.len());
    let (mut at, mut changed) = (0, false);
    while let Some(&byte) = json.get(at) {
        let length = match byte {
            b'"' => text(&json[at..]),
            b'0'..=b'9' | b'-' => number(&json[at..]),
            _ => 1,
        };
        let token = &json[at..at + length];
        let whole = whole(token);
        changed |= whole.len() < token.len();
        written.extend_from_slice(whole);
        at += length;
    }
    changed.then_some(written)
}

/// The length of the text that `json` begins with.
fn text(json: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    json.len()
}

/// The length of the number that `json` begins with.
fn number(json: &[u8]) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    json.iter().position(|byte| !is_part(byte)).unwrap_or(json.len())
}

/// A number without decimals that are all zero.
fn whole(token: &[u8]) -> &[u8] {
    let Some(point) = token.iter().position(|byte| *byte == b'.') else { return token };
    let (before, decimals) = (&token[..point], &token[point + 1..]);
    let is_number = before.last().is_some_and(u8::is_ascii_digit) && token[0] != b'"';
    let is_whole = is_number && !decimals.is_empty() && decimals.iter().all(|digit| *digit == b'0');
    if is_whole { before } else { token }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_change() {
        for (json, expected) in [
            (r#"{"version":3.0,"a":[-1.00,0.0]}"#, Some(r#"{"version":3,"a":[-1,0]}"#)),
            (r#"{"price":87830.50,"rate":1.0e3,"n":30}"#, None),
            (r#"{"3.0":"1.0 \" 2.0"}"#, None),
            (r#"{"text":"1.0","n":1.0}"#, Some(r#"{"text":"1.0","n":1}"#)),
            (r#"["#, None),
            (r#""unfinished \"#, None),
            ("1.", None),
            (".0", None),
            ("-.0", None),
        ] {
            let whole = without_decimals(json.as_bytes());
            assert_eq!(whole.as_deref(), expected.map(str::as_bytes), "{json}");
        }
    }
}
