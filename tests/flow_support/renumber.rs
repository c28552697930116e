//! A flow as another one of the same kind: other devices, lines, legs and calls, so that both can happen at one time.

use callcast::ctiqbe::value::Value;
use callcast::sim::{Flow, phone_name};

/// What is added to the numbers of legs and global calls.
const HANDLES: i32 = 10_000;
/// What is added to the numbers of devices. No flow has as many phones.
const DEVICES: usize = 100;

/// The flow as number `which`, from 0.
pub fn renumbered(flow: &Flow, which: usize) -> Flow {
    let mut flow = flow.clone();
    let mut texts: Vec<(String, String)> = Vec::new();
    for (at, phone) in flow.phones.iter_mut().enumerate() {
        let device = phone_name(u32::try_from(which * DEVICES + at + 1).unwrap());
        texts.push((std::mem::replace(&mut phone.device, device.clone()), device));
        phone.user = format!("{}{which}", phone.user);
    }
    for place in &mut flow.places {
        let dn = format!("8{which}{}", place.dn);
        texts.push((std::mem::replace(&mut place.dn, dn.clone()), dn));
    }
    let add = i32::try_from(which).unwrap() * HANDLES;
    flow.messages.iter_mut().for_each(|message| renumber("", &mut message.fields, add, &texts));
    flow
}

fn renumber(name: &str, value: &mut Value, add: i32, texts: &[(String, String)]) {
    match value {
        Value::Structure(fields) => fields.iter_mut().for_each(|(name, value)| renumber(name, value, add, texts)),
        Value::Array(elements) => elements.iter_mut().for_each(|element| renumber(name, element, add, texts)),
        Value::Int(number, _) if *number != 0 && is_handle(name) => *number += add,
        Value::Text(text) if name == "transactionID" && !text.is_empty() => *text = format!("{text}/{add}"),
        Value::Text(text) => {
            if let Some((_, other)) = texts.iter().find(|(own, _)| own == text) {
                text.clone_from(other);
            }
        }
        _ => {}
    }
}

fn is_handle(name: &str) -> bool {
    name.ends_with("LegID") || name.ends_with("CallID") || name.ends_with("GCCID") || name == "callID" || name == "transactionID"
}
