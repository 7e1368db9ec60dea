import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { Dealer } from 'zeromq'

/** A DEALER and the Python process of `bare_echo.py`, without any of our code between them. */
export interface BareSocket extends AsyncDisposable {
  /** Seconds of one round trip of a small message. */
  roundTrip(): Promise<number>
  /** Seconds until so many images of `side` x `side` pixels have arrived. */
  images(count: number, side: number): Promise<number>
}

export async function openBareSocket(python: string): Promise<BareSocket> {
  const folder = await mkdtemp(join(tmpdir(), 'phalanx-bench-'))
  const endpoint = `ipc://${join(folder, 'echo')}`
  const script = fileURLToPath(new URL('bare_echo.py', import.meta.url))
  const child = execa(python, [script, endpoint], { stdin: 'ignore', reject: false })
  await once(child.stdout, 'data')
  const dealer = new Dealer({ linger: 0 })
  dealer.connect(endpoint)
  return {
    roundTrip: () =>
      seconds(async () => {
        await dealer.send('ping')
        await dealer.receive()
      }),
    images: (count, side) =>
      seconds(async () => {
        await dealer.send(`images/${count}/${side}`)
        for (let i = 0; i < count; i++) await dealer.receive()
      }),
    [Symbol.asyncDispose]: async () => {
      await dealer.send('end')
      await child
      dealer.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Wall time of an action. */
export async function seconds(action: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await action()
  return (performance.now() - started) / 1000
}
