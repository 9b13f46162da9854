//! Hints: what a compiler's message may mean here, for the mistakes that many make.

/// One message of the compiler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its code: `E0277`.
    pub code: Option<String>,
    /// Its first line.
    pub message: String,
    /// All of it, without colours.
    pub rendered: String,
}

impl Diagnostic {
    fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    fn says(&self, text: &str) -> bool {
        self.rendered.contains(text)
    }
}

/// A mistake, and what to tell who made it.
struct Mistake {
    made: fn(&Diagnostic) -> bool,
    hint: &'static str,
}

const MISTAKES: &[Mistake] = &[
    Mistake {
        made: |message| {
            let hashed = message.says("HashMap<") || message.says("HashSet<");
            hashed && (message.is("E0277") || message.is("E0369") || message.is("E0599"))
        },
        hint: "a node's state holds a HashMap or a HashSet. Use BTreeMap or BTreeSet: a hash map goes through its entries in another order in every run, so a run that failed could not be repeated, and two equal states could not be told to be equal.",
    },
    Mistake {
        made: |message| {
            message.says("f32: Eq")
                || message.says("f64: Eq")
                || message.says("f64: Hash")
                || message.says("f32: Hash")
        },
        hint: "a state or a message holds a floating-point number, which has no exact equality. Count in integers: milliseconds, thousandths.",
    },
    Mistake {
        made: |message| {
            message.says("Instant: ")
                || message.says("SystemTime: Serialize")
                || message.says("SystemTime: Deserialize")
        },
        hint: "a node does not read the clock. To be reminded later, set a timer with `ctx.set_timer`.",
    },
    Mistake {
        made: |message| {
            message.is("E0277")
                && (message.says("Deserialize") || message.says("DeserializeOwned"))
                && !message.says("HashMap<")
        },
        hint: "a type that is part of a state or a message lacks `Deserialize`. States, messages and timers derive all of: #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)].",
    },
    Mistake {
        made: |message| {
            let derived = ["Clone", "Debug", "PartialEq", "Eq", "Hash", "Serialize", "Value"];
            let lacks = |name: &&str| {
                message.says(&format!(": {name}`"))
                    || message.says(&format!("::{name}`"))
                    || message.says(&format!("`{name}` is not implemented"))
                    || message.says(&format!("doesn't implement `{name}`"))
            };
            (message.is("E0277") || message.is("E0369"))
                && !message.says("HashMap<")
                && !message.says("HashSet<")
                && !message.says("Deserialize")
                && derived.iter().any(lacks)
        },
        hint: "a type that is part of a state or a message lacks a derive. States, messages and timers derive all of: #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)].",
    },
    Mistake { made: |message| message.is("E0407"), hint: HANDLER_HINT },
    Mistake {
        made: |message| {
            message.is("E0046")
                && ["on_message", "send_command", "result", "execute"]
                    .iter()
                    .any(|handler| message.says(&format!("`{handler}`")))
        },
        hint: HANDLER_HINT,
    },
    Mistake {
        made: |message| message.is("E0004"),
        hint: "a `match` does not say what to do in every case. For a message that this node has no use for, write `Message::Name { .. } => {}`.",
    },
    Mistake {
        made: |message| {
            message.is("E0432") && message.says("use of unresolved module or unlinked crate")
                || message.is("E0433") && message.says("unlinked crate")
        },
        hint: "a lab uses the crates `faultlab`, `serde` and its vocabulary, and files that its lib.rs names with `pub mod`.",
    },
    Mistake {
        made: |message| message.is("E0453") || message.message.contains("unsafe"),
        hint: "labs are written without `unsafe`.",
    },
];

const HANDLER_HINT: &str = "a handler's name is misspelt, or one is missing. The handlers are `init`, `on_message` and `on_timer` (Node), `send_command` and `result` (Client), `execute` (Application).";

/// What the messages may mean; each hint once, at most three.
#[must_use]
pub fn hints(diagnostics: &[Diagnostic]) -> Vec<String> {
    let mut hints: Vec<String> = Vec::new();
    for mistake in MISTAKES {
        let made = diagnostics.iter().any(mistake.made);
        if made && hints.len() < 3 && !hints.iter().any(|hint| hint == mistake.hint) {
            hints.push(mistake.hint.to_owned());
        }
    }
    hints
}
