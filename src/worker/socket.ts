import { Dealer } from 'zeromq'
import type { CurveKeys } from './endpoint.ts'

export interface SocketListener {
  readonly onMessage: (frames: Buffer[]) => void
  readonly onDisconnect: () => void
  readonly onConnect: () => void
  /** The other side and this one cannot agree on keys; trying again will not help. */
  readonly onRefused: () => void
}

export interface SocketOptions {
  readonly heartbeatMilliseconds: number
  readonly heartbeatTimeoutMilliseconds: number
  readonly keys: CurveKeys | null
}

/** Messages per direction that ZeroMQ holds; what a reader leaves beyond that waits in the worker, where it is thinned. */
const queuedMessages = 256

/** Handshakes that may fail in a row, as they do when a tunnel is not up yet, before the keys are to blame. */
const handshakesTried = 3

/** One DEALER with one sender and one receiver, as zeromq.js wants it; never reused after `close`. */
export class MessageSocket {
  readonly #dealer: Dealer
  readonly #listener: SocketListener
  readonly #outgoing: Uint8Array[] = []
  #sending = false
  #closed = false
  #failedHandshakes = 0

  constructor(endpoint: string, options: SocketOptions, listener: SocketListener) {
    this.#listener = listener
    this.#dealer = new Dealer({
      // Nothing may keep this process alive or go to a worker that is not there.
      linger: 0,
      immediate: true,
      sendHighWaterMark: queuedMessages,
      receiveHighWaterMark: queuedMessages,
      heartbeatInterval: options.heartbeatMilliseconds,
      heartbeatTimeout: options.heartbeatTimeoutMilliseconds,
      reconnectInterval: 50,
      reconnectMaxInterval: 1000,
      ...(options.keys && {
        curveServerKey: options.keys.serverKey,
        curvePublicKey: options.keys.publicKey,
        curveSecretKey: options.keys.secretKey,
      }),
    })
    this.#dealer.events.on('disconnect', () => this.#unlessClosed(listener.onDisconnect))
    this.#dealer.events.on('handshake', () => {
      this.#failedHandshakes = 0
      this.#unlessClosed(listener.onConnect)
    })
    if (options.keys !== null) this.#watchHandshakes()
    this.#dealer.connect(endpoint)
    void this.#receiveAll()
  }

  /** Queues a message of one frame; messages leave in order. After `close` it is thrown away. */
  send(message: Uint8Array): void {
    this.#outgoing.push(message)
    if (!this.#sending) void this.#sendAll()
  }

  /** Forgets what was not sent. Safe to call twice. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#outgoing.length = 0
    this.#dealer.close()
  }

  /** A worker answers a client with unknown keys, but not one that takes it for another worker. */
  #watchHandshakes(): void {
    const failed = (failures: number): void => {
      this.#failedHandshakes += failures
      if (this.#failedHandshakes >= handshakesTried) this.#unlessClosed(this.#listener.onRefused)
    }
    this.#dealer.events.on('handshake:error:auth', () => failed(handshakesTried))
    this.#dealer.events.on('handshake:error:protocol', () => failed(1))
    this.#dealer.events.on('handshake:error:other', () => failed(1))
  }

  async #sendAll(): Promise<void> {
    this.#sending = true
    try {
      for (let next = this.#outgoing.shift(); next !== undefined; next = this.#outgoing.shift()) {
        if (this.#closed) return
        await this.#dealer.send(next)
      }
    } catch (error) {
      // Closing rejects the send that waits.
      if (!this.#closed) throw error
    } finally {
      this.#sending = false
    }
  }

  async #receiveAll(): Promise<void> {
    while (!this.#closed) {
      let frames: Buffer[]
      try {
        frames = await this.#dealer.receive()
      } catch (error) {
        // Closing rejects the receive that waits.
        if (this.#closed) return
        throw error
      }
      this.#unlessClosed(() => this.#listener.onMessage(frames))
    }
  }

  #unlessClosed(action: () => void): void {
    if (!this.#closed) action()
  }
}
