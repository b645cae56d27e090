use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::types::{Body, Json};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Read {
    key: Json,
}

/// As a node's author writes it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Plain {
    Echo {
        echo: Json,
    },
    ReadAll {},
    Generate,
    Read(Read),
    Topology(std::collections::BTreeMap<String, Value>),
    Cas {
        from: Option<u64>,
        #[serde(default)]
        create: bool,
    },
}

/// The same with serde's own attribute.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Tagged {
    Echo {
        echo: Value,
    },
    ReadAll {},
    Generate,
    Read {
        key: Value,
    },
    Cas {
        from: Option<u64>,
        #[serde(default)]
        create: bool,
    },
}

/// Read and written again; an error has a word of what it says.
const BODIES: [(&str, Result<&str, &str>); 12] = [
    (r#"{"type":"echo","echo":"hi"}"#, Ok(r#"{"type":"echo","echo":"hi"}"#)),
    (
        r#"{"msg_id":1,"echo":[1,{"type":2}],"type":"echo"}"#,
        Ok(r#"{"type":"echo","echo":[1,{"type":2}]}"#),
    ),
    (r#"{"type":"read_all","in_reply_to":4,"x":{}}"#, Ok(r#"{"type":"read_all"}"#)),
    (r#"{"type":"generate","x":[]}"#, Ok(r#"{"type":"generate"}"#)),
    (r#"{"key":7,"type":"read"}"#, Ok(r#"{"type":"read","key":7}"#)),
    (r#"{"type":"cas"}"#, Ok(r#"{"type":"cas","from":null,"create":false}"#)),
    (r#"{"type":"\u0063as","from":7}"#, Ok(r#"{"type":"cas","from":7,"create":false}"#)),
    (r#"{"type":"echo"}"#, Err("missing field `echo`")),
    (r#"{"type":"echo","echo":1,"echo":2}"#, Err("duplicate field `echo`")),
    (r#"{"type":"cas","from":"a"}"#, Err("invalid type: string \"a\"")),
    (r#"{"type":"Echo","echo":1}"#, Err("unknown variant `Echo`, expected")),
    (r#"{"type":"","echo":1}"#, Err("unknown variant ``, expected")),
];

fn there_and_back<T: Serialize + for<'de> Deserialize<'de>>(text: &str) -> Result<String, String> {
    let body = Body::parse(text).unwrap();
    let value: T = body.to().map_err(|error| error.to_string())?;
    Ok(Body::new(&value).unwrap().as_json().to_owned())
}

#[test]
fn plain_and_tagged_enums_are_the_same_bodies() {
    for (text, expected) in BODIES {
        for result in [there_and_back::<Plain>(text), there_and_back::<Tagged>(text)] {
            match (&result, expected) {
                (Ok(text), Ok(expected)) => assert_eq!(text, expected),
                (Err(error), Err(word)) => assert!(error.contains(word), "{error}"),
                _ => panic!("{text}: {result:?}"),
            }
        }
    }
}

#[test]
fn a_variant_of_a_map_has_its_keys() {
    let body = Body::new(&Plain::Topology([("n1".into(), json!(["n2"]))].into())).unwrap();
    assert_eq!(body.as_json(), r#"{"type":"topology","n1":["n2"]}"#);
}

#[test]
fn numbers_arrive_to_the_digit() {
    for number in ["1208925819614629174706177", "1.10", "1e400"] {
        let text = format!(r#"{{"type":"echo","echo":{number}}}"#);
        assert_eq!(there_and_back::<Plain>(&text), Ok(text));
    }
}

#[test]
fn structs_options_and_values_are_read_and_written_as_they_are() {
    let text = r#"{"type":"read","key":7}"#;
    assert_eq!(there_and_back::<Value>(text), Ok(r#"{"key":7,"type":"read"}"#.to_owned()));
    assert_eq!(there_and_back::<Option<Plain>>(text), Ok(text.to_owned()));
    assert_eq!(there_and_back::<Json>(text), Ok(r#"{"key":7,"type":"read"}"#.to_owned()));
    let read: Read = Body::parse(text).unwrap().to().unwrap();
    assert_eq!(read, Read { key: 7.into() });
}

#[test]
fn what_is_no_object_is_no_body() {
    #[derive(Serialize)]
    struct Unit;
    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Odd {
        Pair(u8, u8),
        Number(u8),
    }
    let refused = |error: Result<Body, serde_json::Error>| {
        let error = error.unwrap_err().to_string();
        assert!(error.contains("must be a JSON object"), "{error}");
    };
    refused(Body::new(&Unit));
    refused(Body::new(&None::<Plain>));
    refused(Body::new(&[1, 2]));
    refused(Body::new(&"echo"));
    refused(Body::new(&Odd::Pair(1, 2)));
    refused(Body::new(&Odd::Number(1)));
    // An object without a type.
    assert!(Body::new(&Read { key: 7.into() }).is_err());
}
