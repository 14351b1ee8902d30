//! Sessions of both lanes, on the device that was asked for or on the CPU instead.

use std::sync::Once;

use rayon::prelude::*;

use crate::batch::BatchLimit;
use crate::lanes::{Lanes, Limits};
use crate::operator::kernel_level;
use crate::session::{EncoderSession, SessionSettings};
use crate::{Device, EmbeddingError, EncoderSettings, LaneSettings, ModelBundle, Result, Variant};

/// Opened and checked sessions, and what they run on.
pub(crate) struct Sessions {
    pub queries: Vec<EncoderSession>,
    pub documents: Vec<EncoderSession>,
    pub variant: Variant,
    /// Never [`Device::Auto`].
    pub device: Device,
    /// Why the device that was asked for is not in use.
    pub fallback: Option<String>,
}

impl Sessions {
    /// Opens every session that `settings` ask for; each has to pass `check`, which also warms it.
    ///
    /// # Errors
    /// [`EmbeddingError::Device`] where a device is required and does not work; what opening and checking say of the
    /// sessions on the CPU.
    pub fn open(
        bundle: &ModelBundle,
        settings: &EncoderSettings,
        pad_id: u32,
        check: impl Fn(&mut EncoderSession) -> Result<()> + Sync,
    ) -> Result<Self> {
        let open = |device: Device| {
            let session = SessionSettings {
                variant: variant_on(device, bundle, settings),
                device,
                threads: 1,
                pad_id,
            };
            open_on(bundle, settings, session, &check)
        };
        let Some(number) = wanted(settings) else {
            return open(Device::Cpu);
        };
        let device = Device::Cuda(number);
        let reason = match built_for(device).and_then(|()| open(device).map_err(reason)) {
            Ok(sessions) => return Ok(sessions),
            Err(reason) => reason,
        };
        if settings.require_device {
            let device = device.to_string();
            return Err(EmbeddingError::Device { device, reason });
        }
        let mut sessions = open(Device::Cpu)?;
        if settings.device == Device::Auto {
            tracing::debug!(%device, reason, "the CPU is used");
        } else {
            warn_once(device, &reason);
            sessions.fallback = Some(reason);
        }
        Ok(sessions)
    }

    /// One of them, to check answers on.
    pub fn first(&mut self) -> Option<&mut EncoderSession> {
        self.queries.first_mut().or(self.documents.first_mut())
    }

    /// The two lanes that share them.
    pub fn into_lanes(self, settings: &EncoderSettings) -> Lanes<EncoderSession> {
        let limits = Limits {
            batch: BatchLimit {
                tokens: settings.batch_tokens,
                padded: self.variant == Variant::Plain,
            },
            linger: settings.linger,
            queue_tokens: settings.queue_tokens,
        };
        Lanes::new(self.queries, self.documents, limits)
    }
}

/// The CUDA device to try.
fn wanted(settings: &EncoderSettings) -> Option<u32> {
    let auto = cfg!(feature = "cuda") && settings.variant != Some(Variant::Int8);
    match settings.device {
        Device::Cpu => None,
        Device::Cuda(number) => Some(number),
        Device::Auto => auto.then_some(0),
    }
}

/// Kernels of this crate run on the CPU only; there int8 is the choice where the bundle has it and this processor has a
/// fast kernel for it.
fn variant_on(device: Device, bundle: &ModelBundle, settings: &EncoderSettings) -> Variant {
    let int8 = || kernel_level().is_some() && bundle.variants().contains(&Variant::Int8);
    match (device, settings.variant) {
        (Device::Cuda(_), _) => Variant::Plain,
        (_, Some(variant)) => variant,
        (_, None) if int8() => Variant::Int8,
        (_, None) => Variant::Plain,
    }
}

fn built_for(device: Device) -> std::result::Result<(), String> {
    match device {
        Device::Cuda(_) if !cfg!(feature = "cuda") => Err("built without the feature cuda".to_owned()),
        _ => Ok(()),
    }
}

/// What the runtime said, without advice about the model's files: they are tried on the CPU next.
fn reason(error: EmbeddingError) -> String {
    match error {
        EmbeddingError::Model { reason, .. } | EmbeddingError::Run { reason, .. } => reason,
        other => other.to_string(),
    }
}

fn warn_once(device: Device, reason: &str) {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        tracing::warn!(%device, reason, "the device that was asked for can't run the model; the CPU does");
    });
}

fn open_on(
    bundle: &ModelBundle,
    settings: &EncoderSettings,
    session: SessionSettings,
    check: &(impl Fn(&mut EncoderSession) -> Result<()> + Sync),
) -> Result<Sessions> {
    bundle.check_variant(session.variant)?;
    let open = |lane: LaneSettings| {
        let settings = SessionSettings {
            threads: lane.threads_per_session,
            ..session
        };
        let opened = (0..lane.sessions).into_par_iter().map(|_| {
            let mut session = EncoderSession::open(bundle, &settings)?;
            check(&mut session)?;
            Ok(session)
        });
        opened.collect::<Result<Vec<_>>>()
    };
    let (queries, documents) = rayon::join(|| open(settings.queries), || open(settings.documents));
    Ok(Sessions {
        queries: queries?,
        documents: documents?,
        variant: session.variant,
        device: session.device,
        fallback: None,
    })
}
