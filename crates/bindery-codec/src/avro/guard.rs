//! Checks bytes before the library reads them. It recurses as deep as the bytes say, and makes a value for each item
//! of a list that takes no bytes; so a few hostile bytes could end the process. What passes here is also complete:
//! nothing is missing and nothing is left over.

use apache_avro::Schema;
use apache_avro::schema::Names;

/// How deep values may be nested.
const MAX_DEPTH: usize = 100;
/// How many items without bytes (`null`, empty records) a payload may have in its lists.
const MAX_EMPTY_ITEMS: u64 = 10_000;

/// Checks that `bytes` are one datum of the schema.
pub(super) fn check(bytes: &[u8], schema: &Schema, names: &Names) -> Result<(), String> {
    let mut guard = Guard {
        rest: bytes,
        names,
        empty_items: 0,
    };
    guard.value(schema, MAX_DEPTH)?;
    match guard.rest.len() {
        0 => Ok(()),
        left => Err(format!("{left} bytes are left over")),
    }
}

struct Guard<'a> {
    rest: &'a [u8],
    names: &'a Names,
    empty_items: u64,
}

impl Guard<'_> {
    fn value(&mut self, schema: &Schema, depth: usize) -> Result<(), String> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(format!("it is nested deeper than {MAX_DEPTH} levels"));
        };
        match schema {
            Schema::Null => Ok(()),
            Schema::Boolean => self.skip(1),
            Schema::Float => self.skip(4),
            Schema::Double => self.skip(8),
            Schema::Fixed(fixed) => self.skip(fixed.size),
            Schema::Int | Schema::Long => self.number().map(drop),
            Schema::Enum(known) => self.index(known.symbols.len()).map(drop),
            Schema::Bytes | Schema::String => self.prefixed(),
            Schema::Array(array) => self.items(|guard| guard.value(&array.items, depth)),
            Schema::Map(map) => self.items(|guard| {
                guard.prefixed()?;
                guard.value(&map.types, depth)
            }),
            Schema::Union(union) => {
                let branch = self.index(union.variants().len())?;
                self.value(&union.variants()[branch], depth)
            }
            Schema::Record(record) => record
                .fields
                .iter()
                .try_for_each(|field| self.value(&field.schema, depth)),
            Schema::Ref { name } => match self.names.get(name) {
                Some(schema) => self.value(schema, depth),
                None => Err(format!("the schema `{name}` is unknown")),
            },
            other => Err(format!("the schema type {other} is not supported")),
        }
    }

    /// Blocks of items, each with its count, up to an empty block. A negative count is followed by the block's size.
    fn items(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), String>) -> Result<(), String> {
        loop {
            let count = self.number()?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 && self.number()? < 0 {
                return Err("a block has a negative size".to_owned());
            }
            for _ in 0..count.unsigned_abs() {
                let before = self.rest.len();
                item(self)?;
                if self.rest.len() == before {
                    self.empty_items += 1;
                }
                if self.empty_items > MAX_EMPTY_ITEMS {
                    return Err(format!("it has more than {MAX_EMPTY_ITEMS} empty items"));
                }
            }
        }
    }

    fn prefixed(&mut self) -> Result<(), String> {
        let length = self.number()?;
        let length = usize::try_from(length).map_err(|_| format!("a length of {length} is impossible"))?;
        self.skip(length)
    }

    fn index(&mut self, count: usize) -> Result<usize, String> {
        let number = self.number()?;
        usize::try_from(number)
            .ok()
            .filter(|index| *index < count)
            .ok_or_else(|| format!("there is no choice number {number} of {count}"))
    }

    fn skip(&mut self, count: usize) -> Result<(), String> {
        match self.rest.split_at_checked(count) {
            Some((_, rest)) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(format!(
                "{count} bytes are expected where {} are left",
                self.rest.len()
            )),
        }
    }

    /// A zigzag number of variable length.
    fn number(&mut self) -> Result<i64, String> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let Some((byte, rest)) = self.rest.split_first() else {
                return Err("it ends within a number".to_owned());
            };
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let magnitude = (value >> 1).cast_signed();
                return Ok(if value & 1 == 0 { magnitude } else { !magnitude });
            }
        }
        Err("a number is longer than ten bytes".to_owned())
    }
}
