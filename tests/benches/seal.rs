//! Sealing a padded, against plain age encryption of the same bytes to one X25519 recipient.

mod common;

use std::io::Write as _;

use anyhow::{Context, Result};
use common::{Figure, timed};
use hafan_envelope::SIZE_CLASSES;
use hafan_open::Identity;
use hafan_report::Padded;
use hafan_tests::reports::Noise;
use rand::rngs::OsRng;
use zeroize::Zeroizing;

const ROUNDS: usize = 9;

fn main() -> Result<()> {
    let recipient = Identity::generate(&mut OsRng).to_recipient();
    let plain = age::x25519::Identity::generate().to_public();
    for (class, times) in [(0, 64_u32), (4, 16), (7, 2)] {
        let size = *SIZE_CLASSES.get(class).context("no such size class")?;
        let mut bytes = Zeroizing::new(vec![0; usize::try_from(size)?]);
        Noise::new(1).fill(&mut bytes);
        let padded = Padded::from_bytes(bytes)?;
        let name = format!("seal: {} KiB, against age X25519", size >> 10);
        let mut figure = Figure::new(name, "seals/s");
        for _ in 0..ROUNDS {
            let (sealed, ours) = timed(|| {
                (0..times).try_for_each(|_| {
                    let envelope = hafan_seal::seal(&padded, &recipient)?;
                    std::hint::black_box(envelope);
                    anyhow::Ok(())
                })
            });
            sealed?;
            let (encrypted, limit) = timed(|| {
                (0..times).try_for_each(|_| {
                    std::hint::black_box(encrypt(padded.as_bytes(), &plain)?);
                    anyhow::Ok(())
                })
            });
            encrypted?;
            figure.round(f64::from(times), ours, limit);
        }
        figure.print();
    }
    Ok(())
}

/// An age file to one X25519 recipient.
fn encrypt(bytes: &[u8], recipient: &age::x25519::Recipient) -> Result<Vec<u8>> {
    let to: [&dyn age::Recipient; 1] = [recipient];
    let encryptor = age::Encryptor::with_recipients(to.into_iter())?;
    let mut file = Vec::with_capacity(bytes.len() + (bytes.len() >> 10) + 4096);
    let mut writer = encryptor.wrap_output(&mut file)?;
    writer.write_all(bytes)?;
    writer.finish()?;
    Ok(file)
}
