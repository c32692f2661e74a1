//! Tells Rust code from its strings and comments, so that a rule about one is not fooled by the others.
//!
//! Not here: Rust's grammar. Lines keep their numbers: what is left out is replaced by spaces.

/// One Rust file in three layers of the same lines.
pub struct Layers {
    /// Without what strings and comments hold.
    pub code: Vec<String>,
    /// What strings hold.
    pub strings: Vec<String>,
    /// What comments hold, with their slashes.
    pub comments: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum At {
    Code,
    Line,
    /// Nested as deep as this.
    Block(usize),
    Text,
    /// Closed by a quote and this many hashes.
    Raw(usize),
    Char,
}

/// The layers of a Rust file.
pub fn layers(text: &str) -> Layers {
    let chars: Vec<char> = text.chars().collect();
    let [mut code, mut strings, mut comments] = [String::new(), String::new(), String::new()];
    let mut at = At::Code;
    let mut ix = 0;
    while ix < chars.len() {
        let (next, taken) = step(at, &chars, ix);
        for &c in &chars[ix..ix + taken] {
            if c == '\n' {
                for layer in [&mut code, &mut strings, &mut comments] {
                    layer.push('\n');
                }
                continue;
            }
            // A delimiter belongs to the code for strings, to the comment for comments.
            let (in_string, in_comment) = match (at, next) {
                (At::Line | At::Block(_), _) | (_, At::Line | At::Block(_)) => (false, true),
                (At::Text | At::Raw(_) | At::Char, stays) => (stays != At::Code, false),
                _ => (false, false),
            };
            strings.push(if in_string { c } else { ' ' });
            comments.push(if in_comment { c } else { ' ' });
            code.push(if in_string || in_comment { ' ' } else { c });
        }
        (at, ix) = (next, ix + taken);
    }
    let split = |layer: String| layer.lines().map(str::to_owned).collect();
    Layers { code: split(code), strings: split(strings), comments: split(comments) }
}

/// The state after the next characters, and how many of them there are.
fn step(at: At, chars: &[char], ix: usize) -> (At, usize) {
    let c = chars[ix];
    let next = chars.get(ix + 1).copied();
    match at {
        At::Code => match (c, next) {
            ('/', Some('/')) => (At::Line, 2),
            ('/', Some('*')) => (At::Block(1), 2),
            ('"', _) => (At::Text, 1),
            ('r', Some('"' | '#')) if !follows_word(chars, ix) => raw(chars, ix),
            ('\'', Some('\\')) => (At::Char, 1),
            ('\'', Some(_)) if chars.get(ix + 2) == Some(&'\'') => (At::Char, 1),
            _ => (At::Code, 1),
        },
        At::Line => (if c == '\n' { At::Code } else { At::Line }, 1),
        At::Block(depth) => match (c, next) {
            ('/', Some('*')) => (At::Block(depth + 1), 2),
            ('*', Some('/')) if depth == 1 => (At::Code, 2),
            ('*', Some('/')) => (At::Block(depth - 1), 2),
            _ => (at, 1),
        },
        At::Text | At::Char => match (c, next) {
            ('\\', Some(_)) => (at, 2),
            ('"', _) if at == At::Text => (At::Code, 1),
            ('\'', _) if at == At::Char => (At::Code, 1),
            _ => (at, 1),
        },
        At::Raw(hashes) => {
            let closed = c == '"' && chars[ix + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
            if closed { (At::Code, 1 + hashes) } else { (at, 1) }
        }
    }
}

/// `r"`, `r#"` and so on; a raw identifier stays code.
fn raw(chars: &[char], ix: usize) -> (At, usize) {
    let hashes = chars[ix + 1..].iter().take_while(|c| **c == '#').count();
    if chars.get(ix + 1 + hashes) == Some(&'"') { (At::Raw(hashes), 2 + hashes) } else { (At::Code, 1) }
}

/// Whether the character before belongs to a word, `b` and `c` of `br"…"` and `cr"…"` aside.
fn follows_word(chars: &[char], ix: usize) -> bool {
    let word = |ix: usize| chars.get(ix).is_some_and(|c| c.is_alphanumeric() || *c == '_');
    match ix.checked_sub(1) {
        Some(before) if matches!(chars[before], 'b' | 'c') => before > 0 && word(before - 1),
        Some(before) => word(before),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_comments_are_no_code() {
        let found = layers("let a = \"unsafe\"; // unsafe\nunsafe { b }\n");
        assert_eq!(found.code[0].matches("unsafe").count(), 0);
        assert_eq!(found.strings[0].trim(), "unsafe");
        assert_eq!(found.comments[0].trim(), "// unsafe");
        assert_eq!(found.code[1], "unsafe { b }");
    }

    #[test]
    fn escapes_and_raw_strings_end_where_they_end() {
        let found = layers("f(\"a\\\"b\", r#\"c\"d\"#, br\"e\"); g()");
        assert!(found.code[0].ends_with("); g()"));
        assert!(found.strings[0].contains("c\"d") && found.strings[0].contains("a\\\"b"));
    }

    #[test]
    fn lifetimes_and_raw_identifiers_are_code() {
        let found = layers("fn f<'a>(r#type: &'a str) -> char { '\"' }\nlet b = '\\''; // c");
        assert!(found.code[0].contains("<'a>(r#type: &'a str)"));
        assert!(found.code[0].ends_with("}"));
        assert!(found.comments[1].trim() == "// c");
    }

    #[test]
    fn block_comments_nest_and_keep_lines() {
        let found = layers("a /* b /* c */\n d */ e");
        assert_eq!(found.code[1].trim(), "e");
        assert_eq!(found.code[0].trim(), "a");
    }
}
