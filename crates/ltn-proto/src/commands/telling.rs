//! Declarations as values: what a node tells of its commands, and what the one who asked for them
//! reads. Read strictly: what is no declaration that [`CommandSpec::validate`] would take is none.

use super::{Arity, CommandSpec, Parameter, ParameterKind, Reach};
use crate::permissions::Permission;
use crate::value::Value;

const KINDS: [(ParameterKind, &str); 4] = [
    (ParameterKind::Text, "text"),
    (ParameterKind::Int, "int"),
    (ParameterKind::Any, "any"),
    (ParameterKind::Secret, "secret"),
];

const ARITIES: [(Arity, &str); 4] = [
    (Arity::Required, "required"),
    (Arity::Optional, "optional"),
    (Arity::OneOrMore, "one_or_more"),
    (Arity::Any, "any_number"),
];

impl CommandSpec {
    /// The declaration as a map: `name`, `usage`, `description`, `category`, `permission`,
    /// `dangerous`, and `parameters`, each with `name`, `kind` (`text`, `int`, `any`, `secret`) and
    /// `arity` (`required`, `optional`, `one_or_more`, `any_number`).
    #[must_use]
    pub fn to_value(&self) -> Value {
        Value::map([
            ("name", Value::from(self.name.as_str())),
            ("usage", self.usage().into()),
            ("description", self.description.as_str().into()),
            ("category", self.category.as_str().into()),
            ("permission", self.permission.as_str().into()),
            ("dangerous", self.dangerous.into()),
            ("parameters", Value::list(self.parameters.iter().map(parameter_value))),
        ])
    }

    /// Reads what [`Self::to_value`] gives; entries that it does not know are passed over. `None`
    /// if something is missing or no declaration.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Self> {
        let parameters = value.get("parameters")?.as_list()?.iter().map(parameter);
        let Value::Bool(dangerous) = value.get("dangerous")? else { return None };
        let spec = Self {
            name: text(value, "name")?,
            description: text(value, "description")?,
            category: text(value, "category")?,
            parameters: parameters.collect::<Option<_>>()?,
            permission: Permission::word(&text(value, "permission")?)?,
            dangerous: *dangerous,
            reach: Reach::default(),
            foretold: false,
        };
        spec.validate().ok().map(|()| spec)
    }
}

fn parameter_value(parameter: &Parameter) -> Value {
    Value::map([
        ("name", Value::from(parameter.name.as_str())),
        ("kind", word_of(&KINDS, parameter.kind).into()),
        ("arity", word_of(&ARITIES, parameter.arity).into()),
    ])
}

fn parameter(value: &Value) -> Option<Parameter> {
    Some(Parameter {
        name: text(value, "name")?,
        kind: of_word(&KINDS, &text(value, "kind")?)?,
        arity: of_word(&ARITIES, &text(value, "arity")?)?,
    })
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_text().map(str::to_owned)
}

fn word_of<T: PartialEq>(words: &[(T, &'static str)], thing: T) -> &'static str {
    words.iter().find(|(known, _)| *known == thing).map_or("", |(_, word)| word)
}

fn of_word<T: Copy>(words: &[(T, &'static str)], word: &str) -> Option<T> {
    words.iter().find(|(_, known)| *known == word).map(|(thing, _)| *thing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> CommandSpec {
        CommandSpec::new("s.move", "Move nodes")
            .category("server management")
            .permission(Permission::admin())
            .dangerous()
            .required("to", ParameterKind::Text)
            .optional("port", ParameterKind::Int)
            .any_number("what", ParameterKind::Any)
    }

    #[test]
    fn what_is_told_is_read_again() {
        let more = CommandSpec::new("s.kick", "").one_or_more("name", ParameterKind::Text);
        let key = CommandSpec::new("s.getadmin", "").optional("key", ParameterKind::Secret);
        for spec in [spec(), more, key, CommandSpec::new("s.ping", "the round trip")] {
            assert_eq!(CommandSpec::from_value(&spec.to_value()), Some(spec));
        }
    }

    #[test]
    fn what_is_no_declaration_is_none() {
        let Value::Map(whole) = spec().to_value() else { panic!("it is a map") };
        for key in whole.keys() {
            let mut part = whole.clone();
            part.remove(key);
            let read = CommandSpec::from_value(&Value::Map(part)).is_some();
            assert_eq!(read, key == "usage", "{key}");
            let mut wrong = whole.clone();
            wrong.insert(key.clone(), Value::Int(7));
            let read = CommandSpec::from_value(&Value::Map(wrong)).is_some();
            assert_eq!(read, key == "usage", "{key}");
        }
        let mut bad = whole;
        bad.insert("name".to_owned(), "s.\u{1b}[2J".into());
        assert_eq!(CommandSpec::from_value(&Value::Map(bad)), None);
        assert_eq!(CommandSpec::from_value(&Value::Null), None);
    }
}
