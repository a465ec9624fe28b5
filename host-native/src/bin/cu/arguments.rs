//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use cu_db::{Aggregate, Key, Position};

const ABOUT: &str = "\
A document database scripted in Lua. A database is a directory; the first command that writes \
makes it.";

const EXAMPLES: &str = "\
Examples:
  cu eval 'return 1 + 1'
  cu put users ann '{\"name\": \"Ann\", \"age\": 31}'
  cu eval \"_home.users.ann.age = _home.users.ann.age + 1\"
  cu import cities.ndjson --table cities --key id
  cu index create cities country population
  cu query cities 'population > 1000000 and country in (\"FR\", \"DE\")' --sort -population --limit 5
  cu functions persist counter next 'local n = 0 return function() n = n + 1 return n end'
  cu functions call counter next
  cu repl

Exit codes:
  0  done
  1  the data, query or script is at fault, or what was asked for isn't there
  2  the command line can't be right
  3  the database can't be opened, read or written
  4  the component failed";

const QUERY_HELP: &str = "\
Conditions:
  population > 1000000          = != < <= > >=, with a JSON value or a text in single quotes
  country in (\"FR\", \"DE\")     not in; between 1 and 9, both included
  name startsWith 'Well'        endsWith, contains (a text, or an element of a list),
                                matches (a Lua pattern), each also with not before it
  phone exists                  not exists; is null, is text, is not number
  items any (price > 3)         all; `it` is the element itself: tags any (it = 'new')
  lua tools.isNear(3, \"km\")    a persisted function, called with the document, its key and these
  not a = 1 and (b = 2 or c = 3)
  Fields: address.city, tags[1], and `any name` between backquotes

Examples:
  cu query cities 'country = \"NZ\"' --sort -population --limit 5
  cu query cities 'population > 1000000 and country in (\"FR\", \"DE\")' --explain
  cu query cities --group-by country --aggregate 'n=count(),people=sum(population)' --sort -people
  cu query cities 'name startsWith \"Well\"' --count";

/// The command line.
#[derive(Parser)]
#[command(name = "cu", version, about = ABOUT, after_help = EXAMPLES, max_term_width = 100)]
pub struct Arguments {
    /// The database's directory.
    #[arg(
        long,
        global = true,
        env = "CU_DB",
        default_value = "cu.db",
        value_name = "PATH"
    )]
    pub db: PathBuf,

    /// Print for machines: one JSON document, or one JSON row on each line. Errors go to
    /// standard error as {"error": {"code", "message", …}}.
    #[arg(long, global = true)]
    pub json: bool,

    /// Change nothing. Commands that only read are so anyway.
    #[arg(long, global = true)]
    pub read_only: bool,

    /// Return before commits are on the disk: quicker, and a crash of the machine (not of the
    /// command) may take back the last ones.
    #[arg(long, global = true)]
    pub relaxed: bool,

    /// Seconds that one call may take, in Lua or not.
    #[arg(long, global = true, default_value_t = 60.0, value_name = "SECONDS", value_parser = seconds)]
    pub time_limit: f64,

    /// Run another component than the one that is part of this command.
    #[arg(long, global = true, value_name = "FILE", hide = true)]
    pub component: Option<PathBuf>,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Run Lua code and print what it returns.
    ///
    /// Arguments are the code's `...`: JSON where they are JSON, text otherwise. The whole run is one
    /// transaction.
    #[command(
        after_help = "Examples:\n  cu eval 'return ...' 1 two '[3]'\n  cu eval '_home.greeting = \"hello\"'"
    )]
    Eval {
        /// The code.
        code: String,
        #[command(flatten)]
        call: CallArguments,
    },
    /// Run a file of Lua code and print what it returns.
    Run {
        /// The file; `-` is standard input.
        file: PathBuf,
        #[command(flatten)]
        call: CallArguments,
    },
    /// Type Lua line by line. Globals are kept as long as it runs.
    Repl,
    /// Put the documents of a file in a table.
    #[command(
        after_help = "Examples:\n  cu import cities.json --table cities --key cityId\n  \
        zcat log.ndjson.gz | cu import - --table log --number --format ndjson\n  \
        cu import backup.ndjson --table users --rows"
    )]
    Import(Import),
    /// Write the documents of a table to a file.
    #[command(
        after_help = "Examples:\n  cu export --table users --rows > backup.ndjson\n  \
        cu export users.csv --table users --format csv --key id"
    )]
    Export(Export),
    /// Write the whole database to one file, an archive, which is read on every runtime.
    ///
    /// It shows the database at one moment, whoever writes meanwhile.
    #[command(
        after_help = "Examples:\n  cu backup places.cua\n  cu backup - | ssh host 'cat > places.cua'"
    )]
    Backup {
        /// The file, which is replaced if it is there; `-` is standard output.
        file: PathBuf,
    },
    /// Read an archive into a database that holds nothing.
    #[command(after_help = "Example:\n  cu --db copy.db restore places.cua")]
    Restore {
        /// The file; `-` is standard input.
        file: PathBuf,
    },
    /// Print a document.
    Get {
        table: String,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Store a document, in place of what was under its key.
    Put {
        table: String,
        #[command(flatten)]
        key: KeyArgument,
        /// The document as JSON; `-` reads it from standard input.
        document: String,
    },
    /// Delete a document.
    Delete {
        table: String,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Find documents, or tell of them in groups.
    #[command(after_help = QUERY_HELP)]
    Query(Query),
    /// Make, list and drop indexes.
    #[command(subcommand)]
    Index(Index),
    /// Keep, list, show, call, rename and delete Lua functions.
    #[command(subcommand)]
    Functions(Functions),
    /// Switch the change feed on and off, which keeps what each commit has changed.
    #[command(
        subcommand,
        after_help = "Examples:\n  cu feed on\n  cu feed on users orders --changes 10000\n  cu feed off"
    )]
    Feed(FeedCommand),
    /// Print changes as they are committed, until it is interrupted.
    ///
    /// The change feed has to be on. Each line has the commit's number, the table, the key, and the document: `+` if
    /// it is new, `-` if it was deleted, `->` between what it was and what it is. Other commands can write meanwhile: the
    /// database is held only while changes are read, and whoever wants to write in just this moment finds it in use.
    #[command(
        after_help = "Examples:\n  cu watch users\n  cu watch --since 17 --end\n  \
        cu watch cities --where 'country = \"NZ\"'"
    )]
    Watch(Watch),
    /// Show and set the limits of calls, which are kept in the database.
    #[command(subcommand)]
    Limits(Limits),
    /// List the tables.
    Tables,
    /// Drop a table with its documents, functions and indexes.
    DropTable { table: String },
    /// Print the database in numbers.
    Stats,
    /// Print the SHA-256 of everything the database holds, the same on every runtime.
    Digest,
    /// Read everything and check every checksum.
    Verify,
}

/// How Lua is called.
#[derive(Args)]
pub struct CallArguments {
    /// Arguments: JSON where they are JSON, text otherwise.
    #[arg(value_name = "ARGS", allow_hyphen_values = true)]
    pub arguments: Vec<String>,

    #[command(flatten)]
    pub limits: CallLimits,

    /// What `math.random` starts from, for a run that can be repeated.
    #[arg(long)]
    pub seed: Option<u64>,

    /// What `os.time` takes for now, in seconds since 1970, for a run that can be repeated.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub time: Option<i64>,
}

/// The limits of a call. Default: the database's, which `cu limits` shows.
#[derive(Args)]
pub struct CallLimits {
    /// At most so many Lua instructions.
    #[arg(long, value_name = "COUNT")]
    pub instructions: Option<u64>,

    /// At most so many bytes of Lua memory.
    #[arg(long, value_name = "BYTES")]
    pub memory: Option<u64>,

    /// At most so many milliseconds.
    #[arg(long, value_name = "MILLISECONDS")]
    pub wall_clock: Option<u64>,

    /// At most so many calls inside each other.
    #[arg(long, value_name = "COUNT")]
    pub call_depth: Option<u64>,

    /// At most so many bytes of results.
    #[arg(long, value_name = "BYTES")]
    pub result_size: Option<u64>,

    /// At most so many bytes printed.
    #[arg(long, value_name = "BYTES")]
    pub output_size: Option<u64>,

    /// At most so many bytes written.
    #[arg(long, value_name = "BYTES")]
    pub transaction_size: Option<u64>,
}

#[derive(Subcommand)]
pub enum Limits {
    /// Print the limits in force, defaults filled in.
    Show,
    /// Set the limits, all of them: those that are not given go back to their defaults.
    #[command(
        after_help = "Examples:\n  cu limits set --memory 8388608 --wall-clock 1000\n  cu limits set"
    )]
    Set {
        #[command(flatten)]
        limits: CallLimits,

        /// At most so many bytes of a persisted function's bytecode.
        #[arg(long, value_name = "BYTES")]
        function_size: Option<u64>,

        /// At most so many bytes of queries' results are kept to be given again; 0 for none.
        #[arg(long, value_name = "BYTES")]
        cache_size: Option<u64>,
    },
}

/// One key on the command line.
#[derive(Args)]
pub struct KeyArgument {
    /// The document's key: an integer if it looks like one.
    #[arg(allow_hyphen_values = true)]
    pub key: String,

    /// The key is a text, even if it looks like an integer.
    #[arg(long)]
    pub text_key: bool,
}

impl KeyArgument {
    pub fn key(&self) -> Key {
        match self.key.parse::<i64>() {
            // `007` and `+7` are no way to write an integer that comes back.
            Ok(integer) if !self.text_key && integer.to_string() == self.key => {
                Key::Integer(integer)
            }
            _ => Key::Text(self.key.clone()),
        }
    }
}

/// A file's format.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One array of documents.
    Json,
    /// One document on each line.
    Ndjson,
    /// A line of names, then one document on each line.
    Csv,
}

#[derive(Args)]
pub struct Import {
    /// The file; `-` is standard input.
    pub file: PathBuf,

    /// The table, which is made if there is none.
    #[arg(long)]
    pub table: String,

    #[command(flatten)]
    pub keys: ImportKeys,

    /// With --key: leave that member out of the document.
    #[arg(long, requires = "key")]
    pub remove_key: bool,

    /// Default: by the name of the file, else ndjson.
    #[arg(long)]
    pub format: Option<Format>,

    /// Documents of one transaction. A failing import keeps the transactions before.
    #[arg(long, default_value_t = 10_000, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=500_000))]
    pub batch: u32,

    /// One transaction for the whole file: all of it is stored, or nothing. It may write 1 GiB, and
    /// --batch is how many documents the component gets at a time.
    #[arg(long)]
    pub atomic: bool,

    /// CSV: all cells are texts. By default a cell is an integer, float or boolean if it is
    /// written like one, and an empty cell is left out.
    #[arg(long)]
    pub csv_text: bool,
}

/// Where the keys come from.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct ImportKeys {
    /// The member of each document that is its key: an integer or a text.
    #[arg(long, value_name = "FIELD")]
    pub key: Option<String>,

    /// Number the documents, from 1.
    #[arg(long)]
    pub number: bool,

    /// The file has rows of {"key": …, "value": …}, as `export --rows` writes them.
    #[arg(long)]
    pub rows: bool,
}

#[derive(Args)]
pub struct Export {
    /// The file; standard output if there is none.
    pub file: Option<PathBuf>,

    #[arg(long)]
    pub table: String,

    /// Default: by the name of the file, else ndjson.
    #[arg(long)]
    pub format: Option<Format>,

    /// Write the key as this member of each document.
    #[arg(long, value_name = "FIELD", conflicts_with = "rows")]
    pub key: Option<String>,

    /// Write rows of {"key": …, "value": …}, which `import --rows` reads back exactly.
    #[arg(long)]
    pub rows: bool,
}

#[derive(Args)]
pub struct Query {
    pub table: String,

    /// Which documents; by default all. See below.
    #[arg(allow_hyphen_values = true)]
    pub condition: Option<String>,

    /// A condition as JSON, as programs write it; both have to hold.
    #[arg(long = "where", value_name = "JSON")]
    pub json_condition: Option<String>,

    /// Fields to sort by, with `,` between and `-` before those with the greatest first.
    #[arg(
        long,
        value_delimiter = ',',
        allow_hyphen_values = true,
        value_name = "FIELDS"
    )]
    pub sort: Vec<String>,

    /// At most so many rows.
    #[arg(long)]
    pub limit: Option<u64>,

    /// Leave out so many before them.
    #[arg(long)]
    pub offset: Option<u64>,

    /// Print these fields only, with `,` between.
    #[arg(long, value_delimiter = ',', value_name = "FIELDS")]
    pub select: Vec<String>,

    /// With --select: print each different row once.
    #[arg(long, requires = "select")]
    pub distinct: bool,

    /// A row for each different combination of these fields' values.
    #[arg(long, value_delimiter = ',', value_name = "FIELDS")]
    pub group_by: Vec<String>,

    /// What to tell of each group, or of all: NAME=FUNCTION(FIELD), with `,` between. The functions are count, sum, avg, min
    /// and max; count needs no field.
    #[arg(long, value_delimiter = ',', value_name = "NAME=FUNCTION(FIELD)", value_parser = aggregate)]
    pub aggregate: Vec<(String, Aggregate)>,

    /// Only the groups that meet a condition.
    #[arg(long, value_name = "CONDITION")]
    pub having: Option<String>,

    /// Print only how many rows there are.
    #[arg(long, conflicts_with = "explain")]
    pub count: bool,

    /// Print only how they would be found.
    #[arg(long)]
    pub explain: bool,

    /// With --explain: run the query, and print what it met.
    #[arg(long, requires = "explain")]
    pub analyze: bool,
}

#[derive(Subcommand)]
pub enum FeedCommand {
    /// Print the settings, and how far the feed reaches.
    Show,
    /// Switch it on, or change its settings, all of them.
    On {
        /// The tables that are followed. Default: all.
        tables: Vec<String>,
        /// How many of the newest changes are kept at least. Default: 100,000.
        #[arg(long, value_name = "COUNT")]
        changes: Option<u64>,
        /// How many bytes they may take. Default: 64 MiB.
        #[arg(long, value_name = "BYTES")]
        bytes: Option<u64>,
    },
    /// Switch it off, and delete what it has kept.
    Off,
}

#[derive(Args, Debug)]
pub struct Watch {
    /// Only changes in these tables.
    pub tables: Vec<String>,

    /// Begin behind this place: the number of a commit, or the `place` of a change. Default: now.
    #[arg(long, value_name = "PLACE")]
    pub since: Option<Position>,

    /// Only changes of documents that meet this condition, before or after; `cu query --help` tells of conditions.
    #[arg(long = "where", value_name = "CONDITION")]
    pub condition: Option<String>,

    /// End when all changes that are there were printed.
    #[arg(long)]
    pub end: bool,
}

#[derive(Subcommand)]
pub enum Index {
    /// Make an index over one or several fields.
    #[command(
        after_help = "Examples:\n  cu index create cities country population:desc\n  \
        cu index create users email --unique --sparse\n  cu index create posts 'tags[]'"
    )]
    Create {
        table: String,
        /// Paths; with `:desc` behind those with the greatest first, and `[]` behind one whose list has an entry for each element.
        #[arg(required = true)]
        fields: Vec<String>,
        /// Default: the fields joined by `,`.
        #[arg(long)]
        name: Option<String>,
        /// No two documents have equal values.
        #[arg(long)]
        unique: bool,
        /// Leave out documents that have none of the fields.
        #[arg(long)]
        sparse: bool,
        /// Keep hashes, for values of any length that are only asked for by = and in.
        #[arg(long)]
        hash: bool,
    },
    /// List the indexes of a table.
    List { table: String },
    /// Remove an index.
    Drop { table: String, name: String },
}

#[derive(Subcommand)]
pub enum Functions {
    /// List the functions of a table, or of all.
    List { table: Option<String> },
    /// Print a function's source.
    Show { table: String, name: String },
    /// Call a function and print what it returns.
    Call {
        table: String,
        name: String,
        #[command(flatten)]
        call: CallArguments,
    },
    /// Keep a function, or what a chunk returns with its upvalues.
    Persist {
        table: String,
        name: String,
        /// The source; `-` reads it from standard input.
        #[arg(required_unless_present = "bytecode", conflicts_with = "bytecode")]
        source: Option<String>,
        /// A file of Lua 5.4 bytecode instead, as `string.dump` makes it. It is verified.
        #[arg(long, value_name = "FILE")]
        bytecode: Option<PathBuf>,
    },
    /// Give a function another name, also in another table.
    Rename {
        table: String,
        name: String,
        new_table: String,
        new_name: String,
    },
    /// Delete a function.
    Delete { table: String, name: String },
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds < 1e9 => Ok(seconds),
        _ => Err("not a number of seconds".to_owned()),
    }
}

/// `NAME=FUNCTION(FIELD)`.
fn aggregate(text: &str) -> Result<(String, Aggregate), String> {
    let parsed = text.split_once('=').and_then(|(name, call)| {
        let (function, field) = match call.strip_suffix(')') {
            Some(call) => call.split_once('(')?,
            None => (call, ""),
        };
        let aggregate = match (function, field) {
            ("count", "") => Aggregate::count(),
            (_, "") => return None,
            ("count", field) => Aggregate::count_of(field),
            ("sum", field) => Aggregate::sum(field),
            ("avg", field) => Aggregate::avg(field),
            ("min", field) => Aggregate::min(field),
            ("max", field) => Aggregate::max(field),
            _ => return None,
        };
        (!name.is_empty()).then(|| (name.to_owned(), aggregate))
    });
    parsed
        .ok_or_else(|| "not of the form NAME=FUNCTION(FIELD), as people=sum(population)".to_owned())
}
