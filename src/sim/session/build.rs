//! Messages and structures as a server sends them: always in full, with empty strings where there is nothing to say.
//!
//! Cisco's client crashes on some that are absent, and `Default` of a typed message has absent strings. So each message starts from a
//! blank: one that was encoded by the table, which writes empty strings, and read back.

use std::sync::LazyLock;

use crate::ctiqbe::messages::{
    CallAttributeInfoEvent, CallConferenceStateChangedEvent, CallPartyInfoChangedEvent, CallPrivacyChangedEvent, CallStateChangedEvent_V2,
    DeviceInServiceEvent, DeviceInfo, DeviceInfoDynamic, DeviceInfoStatic, DeviceLineInfoEvent, DeviceRegisteredEventWithLineInfo,
    DeviceRegistrationInfo, ExistingCallEvent, GlobalCallHandleChangedEvent, LineBargeStartedEvent, LineCBargeStartedEvent,
    LineConferenceEndedEvent, LineConferenceStartedEvent, LineInServiceEvent, LineInfo, LineIntercomSpeedDialInfo,
    LineTransferStartedEvent, NewCallEvent, ParticipantInfo, PartyDNInfo, ProviderCapabilitiesInfo, ProviderInitResponse,
    ProviderOpenCompletedEvent, ProviderOpenResponse, ProviderUserChangedEvent, SIPUrl,
};
use crate::ctiqbe::names::{
    CtiPatternUsage, DestinationType, DeviceControlType, DeviceLineInfoContent, DeviceProtocol, DeviceRegistrationStatus, DeviceType,
    ProviderCapabilityBitmask,
};
use crate::ctiqbe::value::{Value, encode};
use crate::ctiqbe::{FRAME_LIMIT, Frame, Message, Text, VERSION_12_5, Wide, latin1, schema};
use crate::sim::cluster::{Account, BUSY_TRIGGER, CALL_MANAGER, Cluster, Device, DeviceId, DeviceKind, MAX_CALLS, Party};

const EMPTY: Text<'static> = Text::new(b"");
const VERSION: Text<'static> = Text::new(b"15.0.1.10000-32");
const PLUGIN_VERSION: Text<'static> = Text::new(b"15.0.1.10000-2");
const PROVIDER_ID: i32 = 16_778_994;
/// Seconds; what the recorded CTIManager named.
const REQUEST_TIMER: i32 = 5;
/// The locale of the devices.
const ENGLISH_UNITED_STATES: i32 = 1;
/// `CTI_ASCII` of `CTIENCODINGTYPES`, which is what the recorded CTIManager named.
pub(super) const ENCODING: i32 = 1;

/// A message with every string empty and every structure there. Its few bytes stay for the life of the process: call it once per message.
fn blank<M: Message<'static> + Default>() -> M {
    let mut bytes = Vec::new();
    let written = schema::message(M::ID).map(|spec| encode(spec, &Value::Structure(vec![]), VERSION_12_5, &mut bytes));
    let read = || Frame::split(bytes.leak(), FRAME_LIMIT).ok().flatten()?.decode().ok();
    written.and_then(Result::ok).and_then(|()| read()).unwrap_or_default()
}

pub(super) static INIT_RESPONSE: LazyLock<ProviderInitResponse<'static>> =
    LazyLock::new(|| ProviderInitResponse { provider_info: VERSION, plugin_version: PLUGIN_VERSION, provider_id: PROVIDER_ID, ..blank() });
pub(super) static OPEN_RESPONSE: LazyLock<ProviderOpenResponse<'static>> = LazyLock::new(|| ProviderOpenResponse {
    provider_info_string: VERSION,
    plugin_version: PLUGIN_VERSION,
    request_timer: REQUEST_TIMER,
    provider_id: PROVIDER_ID,
    ..blank()
});
pub(super) static OPEN_COMPLETED: LazyLock<ProviderOpenCompletedEvent<'static>> =
    LazyLock::new(|| ProviderOpenCompletedEvent { provider_info_string: VERSION, provider_id: PROVIDER_ID, ..blank() });
pub(super) static NEW_CALL: LazyLock<NewCallEvent<'static>> = LazyLock::new(blank);
pub(super) static EXISTING_CALL: LazyLock<ExistingCallEvent<'static>> = LazyLock::new(blank);
pub(super) static CALL_STATE: LazyLock<CallStateChangedEvent_V2<'static>> = LazyLock::new(blank);
pub(super) static PARTY_INFO: LazyLock<CallPartyInfoChangedEvent<'static>> = LazyLock::new(blank);
pub(super) static CALL_CHANGED: LazyLock<GlobalCallHandleChangedEvent<'static>> = LazyLock::new(blank);
pub(super) static TRANSFER_STARTED: LazyLock<LineTransferStartedEvent<'static>> = LazyLock::new(blank);
pub(super) static CONFERENCE_STARTED: LazyLock<LineConferenceStartedEvent<'static>> = LazyLock::new(blank);
pub(super) static CONFERENCE_ENDED: LazyLock<LineConferenceEndedEvent<'static>> = LazyLock::new(blank);
pub(super) static CONFERENCE_CHANGED: LazyLock<CallConferenceStateChangedEvent<'static>> = LazyLock::new(blank);
pub(super) static BARGE_STARTED: LazyLock<LineBargeStartedEvent<'static>> = LazyLock::new(blank);
pub(super) static CBARGE_STARTED: LazyLock<LineCBargeStartedEvent<'static>> = LazyLock::new(blank);
pub(super) static PRIVACY: LazyLock<CallPrivacyChangedEvent<'static>> = LazyLock::new(blank);
pub(super) static ATTRIBUTE: LazyLock<CallAttributeInfoEvent<'static>> = LazyLock::new(blank);
pub(super) static DEVICE_IN_SERVICE: LazyLock<DeviceInServiceEvent<'static>> =
    LazyLock::new(|| DeviceInServiceEvent { locale: ENGLISH_UNITED_STATES, supported_encoding: ENCODING, ..blank() });
pub(super) static LINE_IN_SERVICE: LazyLock<LineInServiceEvent<'static>> = LazyLock::new(blank);
pub(super) static REGISTERED: LazyLock<DeviceRegisteredEventWithLineInfo<'static>> = LazyLock::new(blank);
pub(super) static USER_CHANGED: LazyLock<ProviderUserChangedEvent<'static>> = LazyLock::new(blank);
static DEVICE_LINE_INFO: LazyLock<DeviceLineInfoEvent<'static>> = LazyLock::new(blank);

const NO_URL: SIPUrl<'static> = SIPUrl {
    user: EMPTY,
    host: EMPTY,
    port: 0,
    transport_tye: crate::ctiqbe::names::TransportType(0),
    url_type: crate::ctiqbe::names::UrlType(0),
};

/// A party's place, as `...PartyDNInfo`.
pub(super) fn dn_info<'a>(partition: Text<'a>) -> PartyDNInfo<'a> {
    PartyDNInfo { sip_url: NO_URL, un_modifiedsip_url: NO_URL, partition, voice_mailbox: EMPTY, number_type: 0 }
}

/// A party in the two forms of text that messages want.
pub(super) struct PartyTexts<'a> {
    number: std::borrow::Cow<'a, [u8]>,
    name: std::borrow::Cow<'a, [u8]>,
    partition: std::borrow::Cow<'a, [u8]>,
    /// The name in UTF-16.
    pub wide_name: Wide<'a>,
    /// Whether the number may be presented.
    pub number_allowed: bool,
    /// Whether the name may be presented.
    pub name_allowed: bool,
    /// What the number is used for.
    pub usage: CtiPatternUsage,
    member: [std::borrow::Cow<'a, [u8]>; 2],
}

impl<'a> PartyTexts<'a> {
    /// A party that nobody is withholds nothing.
    pub fn new(party: Option<&'a Party>) -> Self {
        let text = |field: fn(&Party) -> &str| latin1(party.map_or("", field));
        Self {
            number: text(|p| &p.number),
            name: text(|p| &p.name),
            partition: text(|p| &p.partition),
            wide_name: Wide::Str(party.map_or("", |p| &p.name)),
            number_allowed: party.is_none_or(|p| p.number_allowed),
            name_allowed: party.is_none_or(|p| p.name_allowed),
            usage: party.map_or(CtiPatternUsage::UNKNOWN, |p| p.usage),
            member: party.and_then(|p| p.hunt_member.as_ref()).map_or([latin1(""), latin1("")], |m| [latin1(&m.0), latin1(&m.1)]),
        }
    }

    /// The number of the line that answered for a hunt pilot.
    pub fn hunt_member(&self) -> Text<'_> {
        let [number, _] = &self.member;
        Text::new(number)
    }

    /// Its partition.
    pub fn hunt_member_partition(&self) -> Text<'_> {
        let [_, partition] = &self.member;
        Text::new(partition)
    }

    /// As a participant of a conference.
    pub fn participant(&self, leg: i32, place: DestinationType) -> ParticipantInfo<'_> {
        ParticipantInfo {
            participant_number: self.number(),
            un_modified_participant_number: self.number(),
            participant_name: self.name(),
            number_pi: self.number_allowed,
            name_pi: self.name_allowed,
            endpoint_type: place,
            // What was recorded for those who take part.
            state: 1,
            un_modified_paticipant_unicode_display_name: self.wide_name,
            participant_dn_info: self.dn_info(),
            call_manager_id: CALL_MANAGER,
            call_leg_id: leg,
            ..CONFERENCE_CHANGED.changed_participant_info
        }
    }

    pub fn number(&self) -> Text<'_> {
        Text::new(&self.number)
    }

    pub fn name(&self) -> Text<'_> {
        Text::new(&self.name)
    }

    pub fn dn_info(&self) -> PartyDNInfo<'_> {
        dn_info(Text::new(&self.partition))
    }
}

/// What a user may do.
pub(super) fn capabilities(account: &Account, max_devices_open: u32) -> ProviderCapabilitiesInfo {
    let mask = ProviderCapabilityBitmask::CONNECTED_TRANSFER_CONFERENCE.0 | ProviderCapabilityBitmask::OBSERVE_TERMINALS_WITH_ROLL_OVER.0;
    ProviderCapabilitiesInfo {
        control_any_device: account.control_any_device,
        max_number_of_devices_open: max_devices_open.cast_signed(),
        provider_capability_mask: ProviderCapabilityBitmask(mask),
        ..ProviderCapabilitiesInfo::default()
    }
}

fn device_type(kind: DeviceKind) -> (DeviceType, Text<'static>) {
    match kind {
        DeviceKind::Phone => (DeviceType(684), Text::new(b"Cisco 8861")),
        DeviceKind::CtiPort => (DeviceType::CTIPORT, Text::new(b"CTI Port")),
        DeviceKind::RoutePoint => (DeviceType::CTIROUTEPOINT, Text::new(b"CTI Route Point")),
    }
}

fn protocol(kind: DeviceKind) -> DeviceProtocol {
    match kind {
        DeviceKind::Phone => DeviceProtocol::SIP,
        // Cisco's own devices of applications count as SCCP.
        DeviceKind::CtiPort | DeviceKind::RoutePoint => DeviceProtocol::SCCP,
    }
}

/// A device as `DeviceInfo`.
pub(super) fn device_info<'a>(device: &Device, id: DeviceId, name: Text<'a>) -> DeviceInfo<'a> {
    let (kind, dev_type_name) = device_type(device.kind);
    DeviceInfo {
        name,
        kind,
        allows_registration: device.kind != DeviceKind::Phone,
        device_id: id.number(),
        locale: ENGLISH_UNITED_STATES,
        protocol: protocol(device.kind),
        is_restricted: device.restricted,
        alt_script: EMPTY,
        dev_type_name,
        ..DeviceInfo::default()
    }
}

/// Hands out a `DeviceLineInfoEvent` about a device, its lines included.
pub(super) fn device_line_info(cluster: &Cluster, id: DeviceId, then: impl FnOnce(DeviceLineInfoEvent<'_>)) {
    let device = cluster.device(id);
    let texts: Vec<_> = device
        .appearances
        .iter()
        .map(|appearance| {
            let at = cluster.appearance(*appearance);
            let line = cluster.line(at.line);
            (at, line, latin1(&line.dn), latin1(&line.display), latin1(&line.partition))
        })
        .collect();
    let lines: Vec<LineInfo<'_>> = texts
        .iter()
        .map(|(at, line, dn, display, partition)| LineInfo {
            name: Text::new(dn),
            display_name: Text::new(display),
            permanent_line_id: at.line.number(),
            max_number_of_calls: MAX_CALLS as i32,
            line_instance: at.instance,
            busy_trigger: BUSY_TRIGGER as i32,
            unicode_display_name: Wide::Str(&line.display),
            partition: Text::new(partition),
            is_restricted: line.restricted || device.restricted,
            default_intercom_target_info: LineIntercomSpeedDialInfo { number: EMPTY, label: EMPTY, unicode_label: Wide::Str("") },
            ascii_label: Text::new(display),
            unicode_label: Wide::Str(&line.display),
            vm_pilot_dn: EMPTY,
            pickup_group_number: EMPTY,
            pickup_group_partition: EMPTY,
            ..LineInfo::default()
        })
        .collect();
    let (device_type, device_type_name) = device_type(device.kind);
    let content = DeviceLineInfoContent::DEVICE_INFO_STATIC.0
        | DeviceLineInfoContent::DEVICE_INFO_DYNAMIC.0
        | DeviceLineInfoContent::DEVICE_REGISTRATION_INFO.0
        | DeviceLineInfoContent::LINE_INFO.0;
    let name = latin1(&device.name);
    then(DeviceLineInfoEvent {
        device_name: Text::new(&name),
        device_registration_status: if device.registered {
            DeviceRegistrationStatus::REGISTERED
        } else {
            DeviceRegistrationStatus::UNREGISTERED
        },
        event_content: DeviceLineInfoContent(content),
        device_info_static: DeviceInfoStatic {
            device_type,
            device_type_name,
            device_id: id.number(),
            protocol: protocol(device.kind),
            ..DEVICE_LINE_INFO.device_info_static
        },
        device_info_dynamic: DeviceInfoDynamic {
            locale: ENGLISH_UNITED_STATES,
            device_restricted: device.restricted,
            ..DEVICE_LINE_INFO.device_info_dynamic
        },
        device_registration_info: DeviceRegistrationInfo {
            unicode_login_user_id: Wide::Str(device.login_user.as_deref().unwrap_or("")),
            encoding_type: ENCODING,
            cti_controllable: DeviceControlType::CTI_CONTROLLABLE,
            ..DEVICE_LINE_INFO.device_registration_info
        },
        line_info: lines.as_slice().into(),
        total_lines: lines.len() as i32,
        ..*DEVICE_LINE_INFO
    });
}
