//! Profiles: which documents count.

/// Whether an `on-profile` expression holds: names with `!`, `&`, `|` and parentheses; a comma means `|`.
pub(crate) fn matches(expression: &str, active: &[String]) -> Result<bool, String> {
    let mut parser = Parser {
        tokens: tokens(expression),
        position: 0,
        active,
    };
    let holds = parser.any(0)?;
    match parser.peek() {
        None => Ok(holds),
        Some(token) => Err(format!("`{token}` is not expected here")),
    }
}

fn tokens(expression: &str) -> Vec<String> {
    let mut tokens: Vec<String> = vec![String::new()];
    for c in expression.chars() {
        if matches!(c, '!' | '&' | '|' | '(' | ')' | ',') {
            tokens.extend([c.to_string(), String::new()]);
        } else if let Some(last) = tokens.last_mut() {
            last.push(c);
        }
    }
    tokens
        .into_iter()
        .map(|token| token.trim().to_owned())
        .filter(|token| !token.is_empty())
        .collect()
}

struct Parser<'a> {
    tokens: Vec<String>,
    position: usize,
    active: &'a [String],
}

impl Parser<'_> {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.position).map(String::as_str)
    }

    fn take(&mut self) -> Option<String> {
        let token = self.tokens.get(self.position).cloned();
        self.position += 1;
        token
    }

    fn any(&mut self, depth: usize) -> Result<bool, String> {
        let mut holds = self.all(depth)?;
        while matches!(self.peek(), Some("|" | ",")) {
            self.position += 1;
            holds |= self.all(depth)?;
        }
        Ok(holds)
    }

    fn all(&mut self, depth: usize) -> Result<bool, String> {
        let mut holds = self.one(depth)?;
        while self.peek() == Some("&") {
            self.position += 1;
            holds &= self.one(depth)?;
        }
        Ok(holds)
    }

    fn one(&mut self, depth: usize) -> Result<bool, String> {
        if depth > 16 {
            return Err("nested deeper than 16 levels".to_owned());
        }
        match self.take().as_deref() {
            Some("!") => Ok(!self.one(depth + 1)?),
            Some("(") => {
                let holds = self.any(depth + 1)?;
                match self.take().as_deref() {
                    Some(")") => Ok(holds),
                    _ => Err("`(` is not closed".to_owned()),
                }
            }
            Some(token @ ("&" | "|" | ")" | ",")) => Err(format!("a profile is expected where `{token}` is")),
            Some(name) => Ok(self.active.iter().any(|profile| profile == name)),
            None => Err("a profile is missing".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn expressions_hold_for_the_active_profiles() {
        let active = ["kafka".to_owned(), "prod".to_owned()];
        for (expression, expected) in [
            ("kafka", true),
            ("rabbit", false),
            ("!rabbit", true),
            ("rabbit | prod", true),
            ("rabbit,prod", true),
            ("kafka & !prod", false),
            ("(rabbit | kafka) & prod", true),
        ] {
            assert_eq!(matches(expression, &active), Ok(expected), "{expression}");
        }
        assert!(matches("kafka &", &active).is_err());
        assert!(matches("(kafka", &active).is_err());
        assert!(matches("a b)", &active).is_err());
    }
}
