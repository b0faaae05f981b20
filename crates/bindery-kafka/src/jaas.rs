//! `sasl.jaas.config`: the JVM's way to say user and password.

use bindery_core::Result;

use crate::connection::Properties;
use crate::options::configuration;

/// Turns a JAAS entry into librdkafka's user and password.
pub(crate) fn translate(entry: &str, given: &Properties, translated: &mut Properties) -> Result<()> {
    let entry = Entry::parse(entry)?;
    let module = entry.module.rsplit('.').next().unwrap_or_default();
    let default_mechanism = match module {
        "PlainLoginModule" => "PLAIN",
        "ScramLoginModule" => "SCRAM-SHA-512",
        _ => {
            return Err(configuration(format!(
                "`sasl.jaas.config` names the login module `{}`: only `PlainLoginModule` and `ScramLoginModule` are \
                 supported",
                entry.module
            )));
        }
    };
    let mechanism = given
        .get("sasl.mechanism")
        .or_else(|| given.get("sasl.mechanisms"))
        .map_or(default_mechanism, String::as_str);
    if mechanism.starts_with("SCRAM") != (module == "ScramLoginModule") {
        return Err(configuration(format!(
            "`sasl.mechanism` is `{mechanism}`, but `sasl.jaas.config` names `{module}`: they don't go together"
        )));
    }
    translated.insert("sasl.mechanisms".to_owned(), mechanism.to_owned());
    for (option, property) in [("username", "sasl.username"), ("password", "sasl.password")] {
        let Some(value) = entry.option(option) else {
            return Err(configuration(format!(
                "`sasl.jaas.config` has no `{option}`: add `{option}=\"…\"`"
            )));
        };
        translated
            .entry(property.to_owned())
            .or_insert_with(|| value.to_owned());
    }
    Ok(())
}

/// `<module> <flag> <option>="<value>" …;`
struct Entry {
    module: String,
    options: Vec<(String, String)>,
}

impl Entry {
    fn parse(text: &str) -> Result<Self> {
        let mut words = Words(text.trim().chars().peekable());
        let module = words.word();
        let flag = words.word();
        let flags = ["required", "requisite", "sufficient", "optional"];
        if module.is_empty() || !flags.contains(&flag.to_ascii_lowercase().as_str()) {
            return Err(malformed());
        }
        let mut options = Vec::new();
        while !words.at_end() {
            let name = words.word();
            if name.is_empty() || !words.take('=') {
                return Err(malformed());
            }
            let value = words.value().ok_or_else(malformed)?;
            options.push((name, value));
        }
        Ok(Self { module, options })
    }

    fn option(&self, name: &str) -> Option<&str> {
        self.options
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The error says nothing of the text: it holds a password.
fn malformed() -> bindery_core::Error {
    configuration(
        "`sasl.jaas.config` can't be read: write `<login module> required username=\"…\" password=\"…\";`",
    )
}

struct Words<'a>(std::iter::Peekable<std::str::Chars<'a>>);

impl Words<'_> {
    fn skip_space(&mut self) {
        while self.0.next_if(|c| c.is_whitespace()).is_some() {}
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_space();
        self.0.next_if_eq(&wanted).is_some()
    }

    fn at_end(&mut self) -> bool {
        self.skip_space();
        matches!(self.0.peek(), None | Some(';'))
    }

    fn word(&mut self) -> String {
        self.skip_space();
        let mut word = String::new();
        while let Some(c) = self
            .0
            .next_if(|c| !c.is_whitespace() && !matches!(c, '=' | ';' | '"' | '\''))
        {
            word.push(c);
        }
        word
    }

    /// A word, or a text in quotes with `\` before a quote or a `\`.
    fn value(&mut self) -> Option<String> {
        self.skip_space();
        let Some(quote) = self.0.next_if(|c| matches!(c, '"' | '\'')) else {
            return Some(self.word());
        };
        let mut value = String::new();
        loop {
            match self.0.next()? {
                c if c == quote => return Some(value),
                '\\' => value.push(self.0.next()?),
                c => value.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";
    const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";

    fn translated(entry: &str, mechanism: Option<&str>) -> Result<Properties> {
        let given = mechanism
            .map(|name| ("sasl.mechanism".to_owned(), name.to_owned()))
            .into_iter()
            .collect();
        let mut translated = Properties::new();
        translate(entry, &given, &mut translated)?;
        Ok(translated)
    }

    #[test]
    fn user_and_password_are_read() {
        let entry = format!("{PLAIN} required\n  username=\"me\"\n  password=\"a\\\"b;=c\\\\d\" ;");
        let got = translated(&entry, Some("PLAIN")).unwrap();
        assert_eq!(
            (got["sasl.username"].as_str(), got["sasl.password"].as_str()),
            ("me", "a\"b;=c\\d")
        );
    }

    #[test]
    fn single_quotes_and_bare_words_are_read() {
        let got = translated(
            &format!("{SCRAM} required username=me password='x y';"),
            Some("SCRAM-SHA-256"),
        )
        .unwrap();
        assert_eq!(
            (got["sasl.username"].as_str(), got["sasl.password"].as_str()),
            ("me", "x y")
        );
        assert_eq!(got["sasl.mechanisms"], "SCRAM-SHA-256");
    }

    #[test]
    fn what_cannot_be_read_is_an_error_without_the_secret() {
        for entry in [
            "",
            "hunter2",
            "m required username=\"u\" password=\"hunter2",
            "m required hunter2",
            &format!("{PLAIN} required password=\"hunter2\";"),
            "com.sun.security.auth.module.Krb5LoginModule required keyTab=\"hunter2\";",
        ] {
            let error = translated(entry, None).unwrap_err();
            assert!(!error.report().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn module_and_mechanism_have_to_agree() {
        let entry = format!("{PLAIN} required username=\"u\" password=\"p\";");
        let error = translated(&entry, Some("SCRAM-SHA-512")).unwrap_err();
        assert!(error.message().contains("sasl.mechanism"), "{error}");
    }
}
