//! A text as a JSON string: the one step of encoding whose speed decides what a large result costs.
//!
//! Not here: any other kind of value (the binding's encoder walks those).

/// Bytes looked at together: the compiler makes a few vector instructions of a block.
const BLOCK: usize = 64;

/// Writes a text as a JSON string, as serde_json does (digests are taken of it), but by blocks: long texts mostly have
/// nothing to escape, and a look at each byte takes longer than writing them to the disk.
pub fn escape(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.reserve(text.len() + 2);
    out.push(b'"');
    for block in text.as_bytes().chunks(BLOCK) {
        let is_special = |byte: &u8| (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\');
        if !block.iter().fold(false, |found, byte| found | is_special(byte)) {
            out.extend_from_slice(block);
            continue;
        }
        for byte in block {
            match byte {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                0x08 => out.extend_from_slice(b"\\b"),
                0x0c => out.extend_from_slice(b"\\f"),
                0x00..0x20 => {
                    out.extend_from_slice(b"\\u00");
                    out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
                }
                _ => out.push(*byte),
            }
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_text_is_escaped_as_serde_json_does() {
        let all: String = (0u8..=127).map(char::from).chain("äß漢🙂\u{7f}\u{80}".chars()).collect();
        for text in ["", "plain", &all, &all.repeat(3), &format!("{}\n", "x".repeat(63)), &"é".repeat(40)] {
            let mut out = Vec::new();
            super::escape(text, &mut out);
            assert_eq!(String::from_utf8(out).ok(), serde_json::to_string(text).ok());
        }
    }
}
