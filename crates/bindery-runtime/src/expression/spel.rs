//! From the subset of SpEL that configurations use to CEL.
//!
//! Most expressions read the same in both. What doesn't is rewritten: `?:`, words such as `and` and `eq`, Java's
//! method names, `T(java.lang.Math).abs(..)`, and `+` with text, which turns its operands into text.

/// The longest expression.
const MAX_LENGTH: usize = 4_096;
/// The deepest nesting of parentheses and brackets.
const MAX_DEPTH: usize = 32;
/// The most names, numbers, texts and symbols: operators in a row nest as brackets do.
const MAX_TOKENS: usize = 128;
/// The longest rewritten expression: `a ?: b` names its first operand twice.
const MAX_REWRITTEN: usize = 32 * 1024;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Text(String),
    Word(String),
    Number(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 24] = [
    "?:", "?.", "==", "!=", "<=", ">=", "&&", "||", "(", ")", "[", "]", "{", "}", ".", ",", "+", "-", "*",
    "/", "%", "<", ">", "?",
];

/// Rewrites an expression.
///
/// # Errors
/// A sentence with the column, counted from 1, at which the expression can't be read.
pub(super) fn to_cel(text: &str) -> Result<String, String> {
    if text.len() > MAX_LENGTH {
        return Err(format!("an expression has at most {MAX_LENGTH} bytes"));
    }
    let tokens = tokens(text)?;
    check_nesting(&tokens)?;
    rewrite(&simplified(&tokens))
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let column = text[..text.len() - rest.len()].chars().count() + 1;
        if first.is_whitespace() {
            rest = &rest[first.len_utf8()..];
        } else if first == '\'' || first == '"' {
            let (value, length) =
                quoted(rest, first).ok_or(format!("column {column}: the text is not closed"))?;
            tokens.push(Token::Text(value));
            rest = &rest[length..];
        } else if first.is_alphabetic() || matches!(first, '_' | '#' | '$') {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '#' | '$')))
                .unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else if first.is_ascii_digit() {
            let end = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
                .unwrap_or(rest.len());
            tokens.push(Token::Number(rest[..end].trim_end_matches(['L', 'l']).to_owned()));
            rest = &rest[end..];
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            tokens.push(Token::Symbol(symbol));
            rest = &rest[symbol.len()..];
        } else if first == '!' || first == ':' {
            tokens.push(Token::Symbol(if first == '!' { "!" } else { ":" }));
            rest = &rest[1..];
        } else {
            return Err(format!("column {column}: `{first}` is not understood"));
        }
    }
    if tokens.is_empty() {
        Err("the expression is empty".to_owned())
    } else if tokens.len() > MAX_TOKENS {
        Err(format!(
            "an expression has at most {MAX_TOKENS} names, numbers, texts and symbols"
        ))
    } else {
        Ok(tokens)
    }
}

/// The value of a quoted text and its length with quotes; a doubled quote stands for one.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((index, c)) = chars.next() {
        if c != quote {
            value.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == quote) {
            value.push(quote);
            chars.next();
        } else {
            return Some((value, index + 1));
        }
    }
    None
}

fn check_nesting(tokens: &[Token]) -> Result<(), String> {
    let mut open = Vec::new();
    for token in tokens {
        match token {
            Token::Symbol(symbol @ ("(" | "[" | "{")) => open.push(*symbol),
            Token::Symbol(symbol @ (")" | "]" | "}")) => {
                let expected = open.pop().map(closing);
                if expected != Some(*symbol) {
                    return Err(format!("`{symbol}` closes nothing"));
                }
            }
            _ => {}
        }
        if open.len() > MAX_DEPTH {
            return Err(format!("the nesting is deeper than {MAX_DEPTH}"));
        }
    }
    open.pop()
        .map_or(Ok(()), |symbol| Err(format!("`{symbol}` is not closed")))
}

fn closing(symbol: &str) -> &'static str {
    match symbol {
        "(" => ")",
        "[" => "]",
        _ => "}",
    }
}

/// Methods that may be called without a receiver, which is then the root.
const ROOT_METHODS: [&str; 5] = ["hashCode", "toString", "length", "toUpperCase", "toLowerCase"];

/// Leaves out what only Java needs: `#root.`, `#this.`, `new String(x)`, `T(..Math).`, `.bytes`, `?.`.
fn simplified(tokens: &[Token]) -> Vec<Token> {
    let word = |token: Option<&Token>, expected: &[&str]| matches!(token, Some(Token::Word(word)) if expected.contains(&word.as_str()));
    let mut result = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        let next = tokens.get(index + 1);
        let root = word(tokens.get(index), &["#root", "#this"]);
        let of_message =
            next == Some(&Token::Symbol(".")) && word(tokens.get(index + 2), &["payload", "headers"]);
        let new_string = word(tokens.get(index), &["new"]) && word(next, &["String"]);
        // A selector's root is the key, which it reads as the payload: `hashCode() % 3`, `#root.length()`.
        let method_of_root = word(tokens.get(index), &ROOT_METHODS)
            && tokens.get(index + 1..index + 3) == Some(&[Token::Symbol("("), Token::Symbol(")")])
            && !matches!(result.last(), Some(Token::Symbol(".")));
        if (root && of_message) || new_string {
            index += 2;
        } else if root {
            result.push(Token::Word("payload".to_owned()));
            index += 1;
        } else if method_of_root {
            result.extend([
                Token::Word("payload".to_owned()),
                Token::Symbol("."),
                tokens[index].clone(),
            ]);
            index += 1;
        } else if word(tokens.get(index), &["T"]) && next == Some(&Token::Symbol("(")) {
            while index < tokens.len() && tokens[index] != Token::Symbol(")") {
                index += 1;
            }
            index += 2;
        } else if matches!(tokens[index], Token::Symbol("." | "?.")) && word(next, &["bytes"]) {
            index += 2;
            if tokens.get(index) == Some(&Token::Symbol("(")) {
                index += 2;
            }
        } else {
            result.push(if tokens[index] == Token::Symbol("?.") {
                Token::Symbol(".")
            } else {
                tokens[index].clone()
            });
            index += 1;
        }
    }
    result
}

/// The operators from the loosest to the tightest; each splits the expression where it stands outside of brackets.
const LEVELS: [&[&str]; 6] = [
    &["?:"],
    &["||", "or"],
    &["&&", "and"],
    &["==", "!=", "eq", "ne"],
    &["<", ">", "<=", ">=", "lt", "gt", "le", "ge"],
    &["+"],
];

fn rewrite(tokens: &[Token]) -> Result<String, String> {
    let rewritten = rewritten(tokens)?;
    if rewritten.len() > MAX_REWRITTEN {
        return Err("the expression is too large when written out".to_owned());
    }
    Ok(rewritten)
}

fn rewritten(tokens: &[Token]) -> Result<String, String> {
    if let Some(rewritten) = ternary(tokens)? {
        return Ok(rewritten);
    }
    for level in LEVELS {
        let parts = split(tokens, level);
        if parts.len() > 1 {
            return join(&parts);
        }
    }
    let rewritten: Result<Vec<String>, String> = groups(tokens).into_iter().map(group).collect();
    Ok(rewritten?.concat())
}

/// `condition ? yes : no`
fn ternary(tokens: &[Token]) -> Result<Option<String>, String> {
    let Some(question) = outside(tokens).find(|index| tokens[*index] == Token::Symbol("?")) else {
        return Ok(None);
    };
    let colon = outside(tokens)
        .filter(|index| *index > question)
        .find(|index| tokens[*index] == Token::Symbol(":"));
    let colon = colon.ok_or("`?` has no `:`")?;
    let (condition, yes, no) = (
        &tokens[..question],
        &tokens[question + 1..colon],
        &tokens[colon + 1..],
    );
    Ok(Some(format!(
        "({}) ? ({}) : ({})",
        rewrite(condition)?,
        rewrite(yes)?,
        rewrite(no)?
    )))
}

/// The indices of the tokens outside of brackets.
fn outside(tokens: &[Token]) -> impl Iterator<Item = usize> {
    let mut depth = 0_usize;
    tokens.iter().enumerate().filter_map(move |(index, token)| {
        if matches!(token, Token::Symbol(")" | "]" | "}")) {
            depth = depth.saturating_sub(1);
        }
        let here = depth == 0;
        if matches!(token, Token::Symbol("(" | "[" | "{")) {
            depth += 1;
        }
        here.then_some(index)
    })
}

/// The operands of operators of one level, each with the operator before it.
fn split<'t>(tokens: &'t [Token], level: &[&'static str]) -> Vec<(&'static str, &'t [Token])> {
    let mut parts = Vec::new();
    let (mut begin, mut before) = (0, "");
    for index in outside(tokens) {
        let spelled = match &tokens[index] {
            Token::Symbol(symbol) => symbol,
            Token::Word(word) => word.as_str(),
            _ => continue,
        };
        // An operator has an operand before it; `.size` and the like are names.
        if index > begin
            && let Some(operator) = level.iter().find(|operator| **operator == spelled)
        {
            if matches!(tokens[index - 1], Token::Symbol(".")) {
                continue;
            }
            parts.push((before, &tokens[begin..index]));
            (begin, before) = (index + 1, operator);
        }
    }
    parts.push((before, &tokens[begin..]));
    parts
}

fn join(parts: &[(&'static str, &[Token])]) -> Result<String, String> {
    let operator = parts[1].0;
    if operator == "?:" {
        let value = rewrite(parts[0].1)?;
        let others: Vec<_> = std::iter::once(("", parts[1].1))
            .chain(parts[2..].iter().copied())
            .collect();
        let other = if others.len() == 1 {
            rewrite(others[0].1)?
        } else {
            join(&others)?
        };
        return Ok(format!("(present({value}) ? ({value}) : ({other}))"));
    }
    let texts = operator == "+" && parts.iter().any(|(_, part)| matches!(part, [Token::Text(_)]));
    let mut rewritten = String::new();
    for (operator, part) in parts {
        if part.is_empty() {
            return Err("an operator lacks an operand".to_owned());
        }
        let operand = rewrite(part)?;
        let operand = if texts {
            format!("text({operand})")
        } else {
            format!("({operand})")
        };
        rewritten.push_str(&format!(" {} {operand}", symbol_of(operator)));
    }
    Ok(rewritten.trim().to_owned())
}

fn symbol_of(operator: &str) -> &str {
    match operator {
        "or" => "||",
        "and" => "&&",
        "eq" => "==",
        "ne" => "!=",
        "lt" => "<",
        "gt" => ">",
        "le" => "<=",
        "ge" => ">=",
        other => other,
    }
}

/// Splits tokens into single ones and bracketed groups.
fn groups(tokens: &[Token]) -> Vec<&[Token]> {
    let heads: Vec<usize> = outside(tokens)
        .filter(|index| !matches!(tokens[*index], Token::Symbol(")" | "]" | "}")))
        .collect();
    heads
        .iter()
        .enumerate()
        .map(|(n, start)| &tokens[*start..heads.get(n + 1).copied().unwrap_or(tokens.len())])
        .collect()
}

fn group(tokens: &[Token]) -> Result<String, String> {
    match tokens {
        [
            Token::Symbol(open @ ("(" | "[" | "{")),
            inner @ ..,
            Token::Symbol(close),
        ] => {
            let parts = split(inner, &[","]);
            let parts: Result<Vec<String>, String> = if inner.is_empty() {
                Ok(Vec::new())
            } else {
                parts.iter().map(|(_, part)| rewrite(part)).collect()
            };
            Ok(format!("{open}{}{close}", parts?.join(", ")))
        }
        [Token::Text(text)] => Ok(literal(text)),
        [Token::Number(number)] => Ok(number.clone()),
        [Token::Symbol(symbol)] => Ok((*symbol).to_owned()),
        [Token::Word(word)] => Ok(match word.as_str() {
            "not" => "!".to_owned(),
            "mod" => "%".to_owned(),
            "length" => "size".to_owned(),
            "toUpperCase" => "upper".to_owned(),
            "toLowerCase" => "lower".to_owned(),
            "toString" => "text".to_owned(),
            other => other.trim_start_matches('#').to_owned(),
        }),
        _ => Err("the expression is not understood".to_owned()),
    }
}

/// A text as a CEL literal.
fn literal(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
}
