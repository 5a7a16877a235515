//! A case file read as what it says: the exchanges of a story, each a request and the exact answer to it. It knows the
//! format of `contract/README.md` and nothing of HTTP; what an answer must look like is `expected`.

/// One case file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) title: String,
    /// The cases of `contract/given` that happen before.
    pub(super) given: Vec<String>,
    /// What `strongroom serve` was started with.
    pub(super) serve: Vec<String>,
    pub(super) exchanges: Vec<Exchange>,
}

/// A request and its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Exchange {
    /// The line of its request in the file.
    pub(super) line: usize,
    /// The section it stands in: `then: the value is kept`.
    pub(super) section: String,
    /// How often it happens; `#` is then the number of the time.
    pub(super) times: usize,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    pub(super) status: u16,
    pub(super) answer_headers: Vec<(String, String)>,
    pub(super) answer_body: String,
}

/// What stands in every value, name and description of a refused request, and in no answer to one.
pub(super) const MARK: &str = "hunter2";

/// The fields whose content no refusal may repeat.
const UNSPEAKABLE: [&str; 3] = ["value", "name", "description"];

impl Case {
    /// Reads a case file. The error names the line and says what is expected there.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader::default();
        for (number, line) in (1..).zip(text.lines()) {
            reader.read(number, line).map_err(|wrong| format!("line {number}: {wrong}"))?;
        }
        let mut case = reader.finish()?;
        for exchange in &mut case.exchanges {
            let wrong = |wrong| format!("line {}: {wrong}", exchange.line);
            exchange.body = repeat_lines(exchange.body.trim_end()).map_err(wrong)?;
            exchange.answer_body = repeat_lines(exchange.answer_body.trim_end()).map_err(wrong)?;
            check_marks(exchange).map_err(wrong)?;
        }
        Ok(case)
    }
}

/// Where in a file the reader is.
#[derive(Debug, Default)]
enum At {
    #[default]
    Head,
    Section,
    Request,
    Answer,
}

#[derive(Default)]
struct Reader {
    case: Case,
    at: At,
    head: Vec<(String, String)>,
    section: String,
    times: usize,
}

impl Reader {
    fn read(&mut self, number: usize, line: &str) -> Result<(), String> {
        if let Some(said) = line.strip_prefix("> ") {
            return self.read_request(number, said);
        }
        if let Some(said) = line.strip_prefix("< ") {
            return self.read_answer(said);
        }
        if let Some((times, section)) = section(line) {
            (self.at, self.times, self.section) = (At::Section, times, section);
            return Ok(());
        }
        match self.at {
            At::Head => self.read_head(line),
            At::Section if line.is_empty() => Ok(()),
            At::Section => Err("a section goes on with its request: > METHOD PATH".into()),
            At::Request | At::Answer => {
                let exchange = self.case.exchanges.last_mut().ok_or("a body belongs to a request")?;
                let body = match self.at {
                    At::Answer => &mut exchange.answer_body,
                    _ => &mut exchange.body,
                };
                body.push_str(line);
                body.push('\n');
                Ok(())
            }
        }
    }

    fn read_head(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() {
            return Ok(());
        }
        if let Some((_, said)) = self.head.last_mut().filter(|_| line.starts_with(' ')) {
            said.push(' ');
            said.push_str(line.trim());
            return Ok(());
        }
        let (key, said) = line.split_once(": ").ok_or("a case begins with title:, why: and source:")?;
        if !["title", "why", "source", "given", "serve"].contains(&key) {
            return Err(format!("{key} is not a word of this format"));
        }
        self.head.push((key.to_owned(), said.to_owned()));
        Ok(())
    }

    fn read_request(&mut self, number: usize, said: &str) -> Result<(), String> {
        if self.section.is_empty() {
            return Err("a request stands below earlier:, when: or then:".into());
        }
        if let At::Request = self.at {
            let exchange = self.case.exchanges.last_mut().ok_or("a header belongs to a request")?;
            exchange.headers.push(header(said)?);
            return Ok(());
        }
        let (method, path) = said.split_once(' ').ok_or("a request begins with: > METHOD PATH")?;
        self.case.exchanges.push(Exchange {
            line: number,
            section: self.section.clone(),
            times: self.times,
            method: method.to_owned(),
            path: path.to_owned(),
            ..Exchange::default()
        });
        self.at = At::Request;
        Ok(())
    }

    fn read_answer(&mut self, said: &str) -> Result<(), String> {
        let exchange = self.case.exchanges.last_mut().ok_or("an answer follows a request")?;
        if let At::Answer = self.at {
            exchange.answer_headers.push(header(said)?);
            return Ok(());
        }
        exchange.status = said.parse().map_err(|_| "an answer begins with its status: < 200")?;
        self.at = At::Answer;
        Ok(())
    }

    fn finish(mut self) -> Result<Case, String> {
        let said =
            |key: &str| self.head.iter().find(|(found, _)| found == key).map(|(_, said)| said.as_str());
        for key in ["title", "why", "source"] {
            said(key).ok_or_else(|| format!("the case has no {key}:"))?;
        }
        self.case.title = said("title").unwrap_or_default().to_owned();
        let words = |key| said(key).unwrap_or_default().split([',', ' ']).filter(|word| !word.is_empty());
        self.case.given = words("given").map(str::to_owned).collect();
        self.case.serve = words("serve").map(str::to_owned).collect();
        if let Some(open) = self.case.exchanges.iter().find(|exchange| exchange.status == 0) {
            return Err(format!("line {}: the request has no answer", open.line));
        }
        match self.case.exchanges.is_empty() {
            true => Err("the case has no request".into()),
            false => Ok(self.case),
        }
    }
}

/// `earlier: …`, `when: …` or `then: …`, perhaps with `120 times` before the colon.
fn section(line: &str) -> Option<(usize, String)> {
    let (word, _) = line.split_once(':')?;
    let (word, times) = match word.split_once(' ') {
        Some((word, times)) => (word, times.strip_suffix(" times")?.parse().ok()?),
        None => (word, 1),
    };
    ["earlier", "when", "then"].contains(&word).then(|| (times, line.to_owned()))
}

fn header(said: &str) -> Result<(String, String), String> {
    let (name, value) = said.split_once(':').ok_or("a header is written as: Name: value")?;
    Ok((name.to_owned(), value.trim().to_owned()))
}

/// Writes a line `repeat 3: {"at": "#"}` out as three, with commas between them and `#` counted from 1.
fn repeat_lines(body: &str) -> Result<String, String> {
    let mut lines = Vec::new();
    for line in body.lines() {
        let Some(said) = line.trim_start().strip_prefix("repeat ") else {
            lines.push(line.to_owned());
            continue;
        };
        let (count, text) = said.split_once(": ").ok_or("write: repeat COUNT: TEXT")?;
        let count: usize = count.parse().map_err(|_| "repeat takes a whole number")?;
        let (text, comma) = text.strip_suffix(',').map_or((text, ""), |text| (text, ","));
        let all: Vec<String> = (1..=count).map(|number| text.replace('#', &number.to_string())).collect();
        lines.push(all.join(",\n") + comma);
    }
    Ok(lines.join("\n"))
}

/// A refused request carries the mark wherever a refusal might repeat what was sent, and its answer does not.
fn check_marks(exchange: &Exchange) -> Result<(), String> {
    if exchange.status < 400 {
        return Ok(());
    }
    for field in UNSPEAKABLE {
        for (at, name) in exchange.body.match_indices(&format!("\"{field}\"")) {
            let rest = exchange.body[at + name.len()..].trim_start().strip_prefix(':').unwrap_or_default();
            let Some(text) = rest.trim_start().strip_prefix('"') else { continue };
            let text = text.split('"').next().unwrap_or_default();
            let free = text.is_empty() || text.starts_with("<mask") || text.contains(MARK);
            if !free {
                return Err(format!("a {field} in a refused request contains {MARK}; this one does not"));
            }
        }
    }
    match exchange.answer_body.contains(MARK) {
        true => Err(format!("an answer that refuses does not contain {MARK}")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "\
title: A name
why: Because it
     is so.
source: somewhere
given: application, collection
serve: --limits nextmv

earlier 2 times: it is made
> POST /v1/x
> If-Match: \"1\"
{
  repeat 2: {\"n\": \"#\"},
}
< 200
< ETag: \"1\"
< Location:
{\"id\": \"c\"}

then: it is gone
> DELETE /v1/x
< 204

> GET /v1/x
< 404
{\"error\": \"no\"}
";

    #[test]
    fn a_case_is_read_as_it_stands() {
        let case = Case::parse(SMALL).expect("a legal case");
        assert_eq!((case.title.as_str(), case.exchanges.len()), ("A name", 3));
        assert_eq!(case.given, ["application", "collection"]);
        assert_eq!(case.serve, ["--limits", "nextmv"]);
        let first = &case.exchanges[0];
        assert_eq!((first.line, first.times, first.section.as_str()), (9, 2, "earlier 2 times: it is made"));
        assert_eq!(first.headers, [("If-Match".to_owned(), "\"1\"".to_owned())]);
        assert_eq!(first.body, "{\n{\"n\": \"1\"},\n{\"n\": \"2\"},\n}");
        assert_eq!(first.answer_headers[1], ("Location".to_owned(), String::new()));
        assert_eq!(first.answer_body, "{\"id\": \"c\"}");
        assert_eq!((case.exchanges[1].status, case.exchanges[1].answer_body.as_str()), (204, ""));
        assert_eq!(case.exchanges[2].section, "then: it is gone");
    }

    #[test]
    fn a_case_that_says_too_little_is_refused_at_its_line() {
        fn check(from: &str, to: &str, part: &str) {
            assert!(SMALL.contains(from), "{from}");
            let error = Case::parse(&SMALL.replacen(from, to, 1)).expect_err(to);
            assert!(error.contains(part), "{error}");
        }
        check("source: somewhere\n", "", "no source:");
        check("serve:", "server:", "line 6: server is not a word");
        check("< 404\n", "", "line 23: the request has no answer");
        check("< 204", "< fine", "line 21: an answer begins with its status");
        check("then: it is gone\n", "then: it is gone\nreally\n", "line 20: a section goes on");
        check("earlier 2 times: it is made\n", "", "line 8: a request stands below");
        check("repeat 2:", "repeat two:", "repeat takes a whole number");
        check("> GET /v1/x", "> GET /v1/x\n{\"value\": \"plain\"}", "a value in a refused request contains");
        check("\"no\"", "\"no hunter2\"", "does not contain hunter2");
    }

    #[test]
    fn masks_and_empty_values_need_no_mark() {
        for value in ["hunter2", "", "<mask of A>"] {
            let body = format!("> GET /v1/x\n{{\"value\" : \"{value}\", \"value\": 1}}");
            assert!(Case::parse(&SMALL.replacen("> GET /v1/x", &body, 1)).is_ok(), "{value}");
        }
    }
}
