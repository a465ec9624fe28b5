//! Reading what a caller asks for when it makes an index.

use super::{MAX_FIELDS, computed_path};
use crate::catalog::{Build, Field, Function, Index};
use crate::error::{Error, Result};
use crate::members::Members;
use crate::name::{check_index, check_table};
use crate::query::parse_path;
use crate::value::{Item, Path, elements};

/// What a caller asks for: an index, but for its number; one that is to be built, if that shall be in steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition(pub(super) Index);

impl Definition {
    /// Reads a definition.
    ///
    /// # Errors
    /// `InvalidArgument` with the place in it.
    pub fn parse(definition: &[u8]) -> Result<Definition> {
        let shape = "a definition is a map with fields or function and, as needed, name, kind, unique, sparse and background; \
                     send for example {\"fields\": [\"name\"]}";
        let names = [
            "fields",
            "function",
            "name",
            "kind",
            "unique",
            "sparse",
            "background",
        ];
        let members = Members::read(definition, "definition", &names, shape, Error::argument)?;
        let hash = match members.text("kind")? {
            None | Some("btree") => false,
            Some("hash") => true,
            Some(_) => {
                return Err(
                    members.wrong("kind", "the kind of index is unknown; use btree or hash")
                );
            }
        };
        let function = match members.get("function") {
            Some(value) => Some(parse_function(value, hash)?),
            None => None,
        };
        let mut fields = match &function {
            Some(_) if members.get("fields").is_some() => {
                return Err(members.wrong(
                    "fields",
                    "the values are those of the fields or those of the function; leave one of both out",
                ));
            }
            Some((_, field)) => vec![field.clone()],
            None => parse_fields(&members, hash)?,
        };
        let name = match members.text("name")? {
            Some(name) => name.to_string(),
            None if let Some((function, _)) = &function => {
                format!("{}.{}", function.table, function.name)
            }
            None => {
                let paths: Vec<String> =
                    fields.iter().map(|field| field.path.to_string()).collect();
                paths.join(",")
            }
        };
        check_index(&name, "definition.name")?;
        if function.is_some() {
            fields[0].path = computed_path(&name);
        }
        Ok(Definition(Index {
            id: 0,
            name,
            fields,
            hash,
            unique: members.flag("unique")?,
            sparse: members.flag("sparse")?,
            function: function.map(|(function, _)| function),
            build: members.flag("background")?.then(Build::default),
        }))
    }
}

impl Definition {
    /// Whether it is the definition of this index.
    #[must_use]
    pub(crate) fn is_of(&self, index: &Index) -> bool {
        let mut same = Index {
            id: index.id,
            build: index.build.clone(),
            ..self.0.clone()
        };
        if let (Some(function), Some(there)) = (&mut same.function, &index.function) {
            function.mark = there.mark;
        }
        same == *index
    }
}

/// The function, and the flags of what it computes.
fn parse_function(value: &[u8], hash: bool) -> Result<(Function, Field)> {
    let place = "definition.function";
    let shape =
        "the function is a map with table and name and, as needed, descending and multiEntry";
    let names = ["table", "name", "descending", "multiEntry"];
    let members = Members::read(value, place, &names, shape, Error::argument)?;
    let text = |name| match members.text(name)? {
        Some(text) => Ok(text.to_string()),
        None => Err(members.wrong(name, "this member is missing")),
    };
    let function = Function {
        table: text("table")?,
        name: text("name")?,
        mark: [0; 16],
    };
    check_table(&function.table).map_err(|error| error.under(place))?;
    let field = Field {
        path: Path::default(),
        descending: members.flag("descending")?,
        multi_entry: members.flag("multiEntry")?,
    };
    check_hash(&field, hash, place)?;
    Ok((function, field))
}

fn check_hash(field: &Field, hash: bool, place: &str) -> Result<()> {
    if hash && (field.descending || field.multi_entry) {
        return Err(Error::argument(
            place,
            "a field of a hash index is neither descending nor multiEntry; use btree",
        ));
    }
    Ok(())
}

fn parse_fields(members: &Members, hash: bool) -> Result<Vec<Field>> {
    let value = members.need("fields")?;
    let Item::List(count @ 1..=MAX_FIELDS, _) = Item::of(value) else {
        return Err(members.wrong("fields", "it is no array of 1 to 8 fields"));
    };
    let mut fields: Vec<Field> = Vec::with_capacity(count);
    for (number, field) in elements(value).enumerate() {
        let place = format!("definition.fields[{number}]");
        fields.push(parse_field(field, &place, hash)?);
        if fields.iter().filter(|field| field.multi_entry).count() > 1 {
            return Err(Error::argument(
                format!("{place}.multiEntry"),
                "an index has one field with multiEntry at the most; make an index for each",
            ));
        }
    }
    Ok(fields)
}

fn parse_field(field: &[u8], place: &str, hash: bool) -> Result<Field> {
    let Item::Map(..) = Item::of(field) else {
        return Ok(Field {
            path: path(field, place)?,
            ..Field::default()
        });
    };
    let shape = "a field is a path, or a map with field and, as needed, descending and multiEntry";
    let names = ["field", "descending", "multiEntry"];
    let members = Members::read(field, place, &names, shape, Error::argument)?;
    let parsed = Field {
        path: path(members.need("field")?, &members.place("field"))?,
        descending: members.flag("descending")?,
        multi_entry: members.flag("multiEntry")?,
    };
    check_hash(&parsed, hash, place)?;
    Ok(parsed)
}

fn path(path: &[u8], place: &str) -> Result<Path> {
    parse_path(path, place, Error::argument)
}
