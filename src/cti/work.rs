//! Requests about devices and lines, from the decision to the wire.

use std::sync::Arc;

use super::conversation::Request;
use super::devices::Stage;
use super::provider::{Context, Provider};
use super::{DeviceHandle, LineHandle, asked};
use crate::ctiqbe::messages::{
    DeviceCloseRequest, DeviceGetDeviceStateRequest, DeviceOpenRequest, LineCloseRequest, LineOpenRequest, ProviderDeviceAcquireRequest,
    ProviderDeviceDeAcquireRequest, ProviderGetSingleDeviceAndLinesRequest,
};
use crate::ctiqbe::{Text, latin1};

/// A request that waits to be sent.
#[derive(Clone, Debug)]
pub enum Work {
    /// Acquire a device.
    Acquire(Arc<str>),
    /// Have a device described.
    Describe(Arc<str>),
    /// Open a device.
    Open(Arc<str>),
    /// Open a line of a device.
    OpenLine(Arc<str>, u32),
    /// Ask for the state of an open device.
    AskState(Arc<str>),
    /// Close a line.
    CloseLine(LineHandle),
    /// Close a device.
    Close(DeviceHandle),
    /// Give a device back.
    Deacquire(Arc<str>),
}

impl Provider {
    /// Sends it, unless what it is about is gone.
    pub(super) fn send(&mut self, cx: &mut Context<'_, '_>, work: Work) {
        let deadline = self.deadline_of_request(cx.now);
        match work {
            Work::Acquire(name) => {
                let text = latin1(&name);
                cx.talk.ask(Request::Acquire(name.clone()), deadline, |sequence_number| ProviderDeviceAcquireRequest {
                    sequence_number,
                    device_name: Text::new(&text),
                });
            }
            Work::Describe(name) => {
                let text = latin1(&name);
                cx.talk.ask(Request::Describe(name.clone()), deadline, |sequence_number| ProviderGetSingleDeviceAndLinesRequest {
                    sequence_number,
                    device_name: Text::new(&text),
                });
            }
            Work::Open(name) => {
                let text = latin1(&name);
                cx.talk.ask(Request::OpenDevice(name.clone()), deadline, |sequence_number| DeviceOpenRequest {
                    sequence_number,
                    device_name: Text::new(&text),
                    filter: asked::of_device(),
                    ..DeviceOpenRequest::default()
                });
            }
            Work::OpenLine(name, number) => {
                let Some(line) = self.devices.get_mut(&name).and_then(|e| e.line_mut(number)).map(|l| l.line.clone()) else { return };
                let (text, dn, partition) = (latin1(&name), latin1(&line.dn), latin1(&line.partition));
                cx.talk.ask(Request::OpenLine(name.clone(), number), deadline, |sequence_number| LineOpenRequest {
                    sequence_number,
                    device_name: Text::new(&text),
                    line_name: Text::new(&dn),
                    partition: Text::new(&partition),
                    filter: asked::of_line(),
                    ..LineOpenRequest::default()
                });
            }
            Work::AskState(name) => {
                let Some(entry) = self.devices.get_mut(&name) else { return };
                let Stage::Open(handle) = entry.stage else {
                    entry.asking_state = false;
                    return;
                };
                cx.talk.ask(Request::DeviceState(name), deadline, |sequence_number| DeviceGetDeviceStateRequest {
                    sequence_number,
                    call_manager_id: handle.call_manager,
                    device_id: handle.device,
                });
            }
            Work::CloseLine(handle) => cx.talk.ask(Request::Release, deadline, |sequence_number| LineCloseRequest {
                sequence_number,
                line_call_manager_id: handle.call_manager,
                line_id: handle.line,
            }),
            Work::Close(handle) => cx.talk.ask(Request::Release, deadline, |sequence_number| DeviceCloseRequest {
                sequence_number,
                call_manager_id: handle.call_manager,
                device_id: handle.device,
            }),
            Work::Deacquire(name) => {
                let text = latin1(&name);
                cx.talk.ask(Request::Release, deadline, |sequence_number| ProviderDeviceDeAcquireRequest {
                    sequence_number,
                    device_name: Text::new(&text),
                });
            }
        }
    }
}
