//! Documents, queries, indexes, and files in and out.

use serde_json::json;

use crate::support::{Cu, succeeded};

const CITIES: &str = r#"{"id":1,"name":"Wellington","country":"NZ","people":215400}
{"id":2,"name":"Auckland","country":"NZ","people":1440300}

{"id":3,"name":"Apia","country":"WS","people":37391,"area":60.0}
"#;

fn cities() -> Cu {
    let cu = Cu::new();
    let file = cu.file("cities.ndjson", CITIES);
    let answer = cu.json(&["import", &file, "--table", "cities", "--key", "id"]);
    assert_eq!(answer["documents"], 3);
    cu
}

#[test]
fn integers_of_any_size_are_numbers_in_json() {
    let cu = Cu::new();
    let document =
        r#"{"n":-340282366920938463463374607431768211456,"list":[18446744073709551616,1.5]}"#;
    let print = |arguments: &[&str]| cu.text(&[&["--json"], arguments].concat());
    cu.text(&["put", "t", "k", document]);
    assert_eq!(print(&["get", "t", "k"]).trim(), document);
    assert_eq!(
        print(&[
            "eval",
            "return _home.t.k.n + 1, ...",
            "18446744073709551616"
        ])
        .trim(),
        "[-340282366920938463463374607431768211455,18446744073709551616]"
    );
    cu.text(&["put", "t", "alone", "123456789012345678901234567890"]);
    for format in ["json", "ndjson", "csv"] {
        let file = cu.path(&format!("out.{format}"));
        let file = file.to_str().unwrap();
        cu.text(&["export", file, "--table", "t", "--rows"]);
        let text = std::fs::read_to_string(file).unwrap();
        for integer in [
            "123456789012345678901234567890",
            "[18446744073709551616,1.5]",
        ] {
            assert!(text.contains(integer), "{text}");
        }
    }
}

#[test]
fn documents_are_put_printed_and_deleted() {
    let cu = Cu::new();
    let document = r#"{"exact":9223372036854775807,"float":1.0,"bytes":{"$bytes":"AAH/"},"nan":{"$float":"nan"}}"#;
    assert_eq!(cu.text(&["put", "users", "ann", document]), "");
    let expected: serde_json::Value = serde_json::from_str(document).unwrap();
    assert_eq!(cu.json(&["get", "users", "ann"]), expected);
    assert!(cu.text(&["get", "users", "ann"]).contains("\"float\": 1.0"));
    succeeded(cu.feed(&["put", "users", "bo", "-"], "[1, 2]"));
    assert_eq!(cu.json(&["get", "users", "bo"]), json!([1, 2]));
    cu.text(&["delete", "users", "ann"]);
    assert_eq!(cu.run(&["get", "users", "ann"]).status.code(), Some(1));
    assert_eq!(cu.run(&["delete", "users", "ann"]).status.code(), Some(1));
}

#[test]
fn a_key_is_an_integer_if_it_looks_like_one() {
    let cu = Cu::new();
    for key in ["7", "-7", "007", "7.0", "seven"] {
        cu.text(&["put", "keys", key, "1"]);
    }
    cu.text(&["put", "keys", "7", "2", "--text-key"]);
    let keys: Vec<_> = cu
        .rows(&["query", "keys"])
        .into_iter()
        .map(|row| row["key"].clone())
        .collect();
    assert_eq!(
        keys,
        [
            json!(-7),
            json!(7),
            json!("007"),
            json!("7"),
            json!("7.0"),
            json!("seven")
        ]
    );
    assert_eq!(cu.json(&["get", "keys", "7", "--text-key"]), json!(2));
}

#[test]
fn queries_filter_sort_and_page() {
    let cu = cities();
    cu.text(&["index", "create", "cities", "country"]);
    let names = |arguments: &[&str]| -> Vec<String> {
        let rows = cu.rows(&[&["query", "cities"], arguments].concat());
        rows.iter()
            .map(|row| row["value"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names(&["country = 'NZ'", "--sort", "-people"]),
        ["Auckland", "Wellington"]
    );
    assert_eq!(
        names(&["--sort", "country,people", "--offset", "1", "--limit", "1"]),
        ["Auckland"]
    );
    let condition = r#"{"field":"name","op":"startsWith","value":"A"}"#;
    assert_eq!(names(&["country = \"WS\"", "--where", condition]), ["Apia"]);
    assert_eq!(names(&["people = 37391"]), ["Apia"]);
    assert_eq!(
        cu.json(&["query", "cities", "country = 'NZ'", "--count"]),
        json!(2)
    );
    assert_eq!(
        cu.json(&["query", "cities", "country = 'NZ'", "--explain"])["access"],
        "index"
    );
    let table = cu.text(&["query", "cities", "country = 'NZ'"]);
    assert!(
        table.contains("Wellington") && table.contains("(key)"),
        "{table}"
    );
}

#[test]
fn conditions_are_written_as_people_say_them() {
    let cu = Cu::new();
    for (key, document) in [
        (
            "1",
            r#"{"n": 1, "name": "it's", "tags": ["new", "red"], "at": {"x y": 1}}"#,
        ),
        (
            "2",
            r#"{"n": 2, "name": "Ann", "tags": ["old"], "items": [{"price": 3}, {"price": 9}]}"#,
        ),
        ("3", r#"{"n": 3, "name": "anna", "tags": [], "items": []}"#),
    ] {
        cu.text(&["put", "t", key, document]);
    }
    cu.text(&[
        "functions",
        "persist",
        "f",
        "above",
        "function(d, k, n) return d.n > n end",
    ]);
    for (condition, expected) in [
        ("n > 1 and n <= 3", "23"),
        ("n in (1, 3)", "13"),
        ("n not in [1]", "23"),
        ("n between 2 and 3 or name = 'it\'\'s'", "123"),
        ("not n = 1 and not (n == 2)", "3"),
        ("n <> 1 AND n != 2", "3"),
        ("name startsWith \"A\" or name endsWith 'a'", "23"),
        ("name not contains 'nn'", "1"),
        ("name matches '^%a+$'", "23"),
        ("items exists", "23"),
        ("items not exists", "1"),
        ("items is null", "1"),
        ("items is not null and items is list", "23"),
        ("items any (price > 5 and price < 10)", "2"),
        ("items all (price > 2)", "23"),
        ("tags any (it startsWith 'n' or it = 'old')", "12"),
        ("tags[1] = 'old'", "2"),
        ("at.`x y` = 1", "1"),
    ] {
        let rows = cu.rows(&["query", "t", condition]);
        let found: String = rows.iter().map(|row| row["key"].to_string()).collect();
        assert_eq!(found, expected, "{condition}");
    }
    for (condition, character) in [
        ("n >", "ends"),
        ("n > 1 or", "ends"),
        ("(n > 1", "ends"),
        ("n > 1)", "character 6"),
        ("n ~ 1", "character 3"),
        ("n in 1", "character 6"),
        ("n is weird", "character 6"),
        ("n > x", "character 5"),
        ("n > 1 m > 2", "character 7"),
        ("n > 'x", "character 5"),
    ] {
        let (code, error) = cu.error(&["query", "t", condition]);
        assert_eq!((code, &error["code"]), (2, &json!("usage")), "{condition}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(character), "{condition}: {message}");
    }
    let deep = format!("{}n = 1{}", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(cu.error(&["query", "t", &deep]).0, 2);
}

#[test]
fn queries_group_and_tell_things_apart() {
    let cu = cities();
    let groups = cu.rows(&[
        "query",
        "cities",
        "--group-by",
        "country",
        "--aggregate",
        "n=count(),all=sum(people)",
        "--sort",
        "-n",
        "--having",
        "n > 0",
    ]);
    assert_eq!(groups[0]["country"], "NZ");
    assert_eq!(groups[0]["n"], 2);
    assert_eq!(groups[1]["all"], 37391);
    let distinct = cu.rows(&["query", "cities", "--select", "country", "--distinct"]);
    assert_eq!(
        distinct,
        [json!({"country": "NZ"}), json!({"country": "WS"})]
    );
    let table = cu.text(&["query", "cities", "--aggregate", "most=max(people)"]);
    assert!(table.contains("most"), "{table}");
    assert_eq!(
        cu.run(&["query", "cities", "--aggregate", "most"])
            .status
            .code(),
        Some(2)
    );
    let plan = cu.json(&["query", "cities", "people > 1", "--explain", "--analyze"]);
    assert_eq!(plan["analysis"]["rows"], 3);
}

#[test]
fn indexes_are_of_the_kind_that_was_asked_for() {
    let cu = cities();
    let made = |arguments: &[&str]| {
        cu.json(&[&["index", "create", "cities"], arguments].concat())["definition"].clone()
    };
    assert_eq!(
        made(&["country", "people:desc", "--sparse"])["fields"],
        json!(["country", {"field": "people", "descending": true}])
    );
    assert_eq!(made(&["name", "--unique"])["unique"], true);
    assert_eq!(made(&["country", "--hash", "--name", "h"])["kind"], "hash");
    assert_eq!(
        made(&["tags[]"])["fields"],
        json!([{"field": "tags", "multiEntry": true}])
    );
    let clash = ["put", "cities", "copy", r#"{"name": "Apia"}"#];
    assert_eq!(cu.error(&clash).1["code"], "already-exists");
}

#[test]
fn indexes_are_listed_and_dropped() {
    let cu = cities();
    assert_eq!(
        cu.json(&[
            "index", "create", "cities", "country", "people", "--name", "both"
        ])["entries"],
        3
    );
    let indexes = cu.rows(&["index", "list", "cities"]);
    assert_eq!(indexes[0]["name"], "both");
    assert_eq!(
        cu.json(&["tables"]),
        json!({"name": "cities", "documents": 3, "indexes": 1})
    );
    cu.text(&["index", "drop", "cities", "both"]);
    assert_eq!(
        cu.run(&["index", "drop", "cities", "both"]).status.code(),
        Some(1)
    );
    let stats = cu.json(&["stats"]);
    assert_eq!(
        (&stats["documents"], &stats["indexes"]),
        (&json!(3), &json!(0))
    );
    assert!(cu.text(&["stats"]).starts_with("3 documents in 1 table"));
    cu.text(&["drop-table", "cities"]);
    assert!(cu.rows(&["tables"]).is_empty());
}

#[test]
fn every_format_is_imported_alike() {
    let cu = cities();
    let rows = cu.rows(&["query", "cities"]);
    let array = CITIES.trim().replace("\n\n", "\n").replace('\n', ",");
    let json = cu.file("cities.json", &format!("[{array}]"));
    cu.text(&["import", &json, "--table", "from_json", "--key", "id"]);
    assert_eq!(cu.rows(&["query", "from_json"]), rows);

    let csv = cu.file(
        "cities.csv",
        "id,name,country,people,area\n1,Wellington,NZ,215400,\n2,Auckland,NZ,1440300,\n3,Apia,WS,37391,60.0\n",
    );
    cu.text(&["import", &csv, "--table", "from_csv", "--key", "id"]);
    assert_eq!(cu.rows(&["query", "from_csv"]), rows);

    succeeded(cu.feed(
        &[
            "import",
            "-",
            "--table",
            "from_input",
            "--key",
            "id",
            "--batch",
            "2",
        ],
        CITIES,
    ));
    assert_eq!(cu.rows(&["query", "from_input"]), rows);
}

#[test]
fn csv_cells_are_what_they_are_written_like() {
    let cu = Cu::new();
    let csv = cu.file(
        "odd.csv",
        "a,b\n007,-1.5e3\ntrue,\"x, \"\"y\"\"\"\n-0.5,0\n1.,-\n",
    );
    cu.text(&["import", &csv, "--table", "odd", "--number"]);
    let values: Vec<_> = cu
        .rows(&["query", "odd"])
        .into_iter()
        .map(|row| row["value"].clone())
        .collect();
    let expected = [
        json!({"a": "007", "b": -1500.0}),
        json!({"a": true, "b": "x, \"y\""}),
        json!({"a": -0.5, "b": 0}),
        json!({"a": "1.", "b": "-"}),
    ];
    assert_eq!(values, expected);
    cu.text(&["import", &csv, "--table", "texts", "--number", "--csv-text"]);
    assert_eq!(
        cu.json(&["get", "texts", "3"]),
        json!({"a": "-0.5", "b": "0"})
    );
}

#[test]
fn exported_rows_come_back_exactly() {
    let cu = Cu::new();
    cu.text(&[
        "put",
        "things",
        "1",
        r#"{"f":1.0,"b":{"$bytes":"/w=="},"list":[]}"#,
    ]);
    cu.text(&["put", "things", "one", "[true]"]);
    cu.text(&["put", "things", "two", r#"{"$map":[[1,"one"]]}"#]);
    for format in ["ndjson", "json"] {
        let file = cu.path(&format!("rows.{format}"));
        let file = file.to_str().unwrap();
        cu.text(&["export", file, "--table", "things", "--rows"]);
        cu.text(&["import", file, "--table", format, "--rows"]);
        assert_eq!(cu.rows(&["query", format]), cu.rows(&["query", "things"]));
    }
}

#[test]
fn exports_have_the_documents_in_every_format() {
    let cu = cities();
    let lines = cu.text(&["export", "--table", "cities"]);
    assert_eq!(lines.lines().count(), 3);
    cu.text(&["put", "more", "x", r#"{"a": 1, "b": "two, three"}"#]);
    cu.text(&["put", "more", "y", r#"{"c": [1], "a": null}"#]);
    let csv = cu.text(&[
        "export", "--table", "more", "--key", "key", "--format", "csv",
    ]);
    assert_eq!(csv, "key,a,b,c\nx,1,\"two, three\",\ny,,,[1]\n");
    let array: serde_json::Value = serde_json::from_str(&cu.text(&[
        "export", "--table", "more", "--key", "key", "--format", "json",
    ]))
    .unwrap();
    assert_eq!(array[0], json!({"key": "x", "a": 1, "b": "two, three"}));
}

#[test]
fn an_import_that_fails_says_where_and_keeps_what_was_stored() {
    let cu = Cu::new();
    let file = cu.file("broken.ndjson", "{\"id\":1}\n{\"id\":2}\n{\"id\":\n");
    let arguments = [
        "import", &file, "--table", "t", "--key", "id", "--batch", "1",
    ];
    let (code, error) = cu.error(&arguments);
    assert_eq!(code, 1);
    assert!(
        error["message"].as_str().unwrap().contains("line 3"),
        "{error}"
    );
    assert_eq!(cu.json(&["query", "t", "--count"]), json!(2));

    let file = cu.file("keyless.ndjson", "{\"id\":1}\n{\"name\":2}\n");
    let (code, error) = cu.error(&["import", &file, "--table", "u", "--key", "id"]);
    assert_eq!(code, 1);
    assert!(
        error["message"].as_str().unwrap().contains("document 2"),
        "{error}"
    );
    assert_eq!(
        cu.run(&["import", &file, "--table", "u"]).status.code(),
        Some(2)
    );
    let (code, error) = cu.error(&["import", &file, "--table", "a/b", "--number"]);
    assert_eq!(
        (code, error["code"].as_str().unwrap()),
        (1, "invalid-argument")
    );
}

#[test]
fn a_key_can_be_left_out_of_its_document() {
    let cu = Cu::new();
    let file = cu.file("users.ndjson", "{\"name\":\"ann\",\"age\":31}\n");
    cu.text(&[
        "import",
        &file,
        "--table",
        "users",
        "--key",
        "name",
        "--remove-key",
    ]);
    assert_eq!(cu.json(&["get", "users", "ann"]), json!({"age": 31}));
}

#[test]
fn the_digest_is_that_of_the_state() {
    let (one, another) = (cities(), cities());
    assert_eq!(one.text(&["digest"]), another.text(&["digest"]));
    assert_eq!(one.text(&["digest"]).trim().len(), 64);
    another.text(&["put", "cities", "4", "1"]);
    assert_ne!(one.text(&["digest"]), another.text(&["digest"]));
    one.text(&["verify"]);
}
