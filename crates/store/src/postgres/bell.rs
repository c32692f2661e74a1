//! Hearing that there may be something to begin: whoever asks for an execution, or decides something of one, rings.
//!
//! By NOTIFY, as a hint: one that is lost, or left out because another is just being given, is made up for by those who look
//! anyway (`ring` in the migrations says why some are left out). A connection of its own, which only listens.
//! Not here: what is looked for then.

use super::address::Address;
use super::conn::{CONNECT, Driver, drive};
use super::fault::{Fault, Result};
use super::tls::Tls;
use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls};

/// See the module.
#[derive(Default)]
pub struct Bell(Mutex<Option<Ear>>);

struct Ear {
    driver: Driver,
    /// Dropped, it would end the connection.
    _client: Client,
    rung: UnboundedReceiver<()>,
}

impl Bell {
    /// Waits until somebody rings, at most so long. Whether somebody did.
    pub fn hear(&self, address: &Address, space: i32, most: Duration) -> Result<bool> {
        let mut ear = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out: one that has failed is not asked again.
        let mut one = match ear.take() {
            Some(one) => one,
            None => Ear::listening(address, space)?,
        };
        let heard = one.wait(most)?;
        *ear = Some(one);
        Ok(heard)
    }
}

impl Ear {
    fn listening(address: &Address, space: i32) -> Result<Self> {
        let tls = address.tls.as_ref().map(Tls::new).transpose()?;
        let driver = Driver::new(&address.shown)?;
        let (rings, rung) = unbounded_channel();
        let listen = format!("LISTEN kitaru_{space}");
        let connected = drive(driver.runtime()?, async {
            let listening = async {
                let client = match tls {
                    None => {
                        let (client, connection) = address.config.connect(NoTls).await?;
                        tokio::spawn(pass_on(connection, rings));
                        client
                    }
                    Some(tls) => {
                        let (client, connection) = address.config.connect(tls).await?;
                        tokio::spawn(pass_on(connection, rings));
                        client
                    }
                };
                client.batch_execute(&listen).await?;
                Ok(client)
            };
            tokio::time::timeout(CONNECT, listening).await
        });
        match connected {
            Ok(Ok(client)) => Ok(Self { driver, _client: client, rung }),
            Ok(Err(error)) => Err(Fault::of(&error, &address.shown)),
            Err(_) => Err(Fault::Lost(format!("no connection within {} s", CONNECT.as_secs()))),
        }
    }

    fn wait(&mut self, most: Duration) -> Result<bool> {
        let rung = &mut self.rung;
        match drive(self.driver.runtime()?, async { tokio::time::timeout(most, rung.recv()).await }) {
            Ok(Some(())) => {
                // Several are one.
                while self.rung.try_recv().is_ok() {}
                Ok(true)
            }
            Ok(None) => Err(Fault::Lost("the connection that listens is closed".to_owned())),
            Err(_) => Ok(false),
        }
    }
}

async fn pass_on<S, T>(mut connection: Connection<S, T>, rings: UnboundedSender<()>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if matches!(message, AsyncMessage::Notification(_)) && rings.send(()).is_err() {
            break;
        }
    }
}
