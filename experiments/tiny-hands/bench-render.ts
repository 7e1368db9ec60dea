import { renderHand } from '../../src/render/hand-render.ts'
import { renderHandshake, sampleHandshake } from '../../src/render/handshake.ts'
import { sampleScene } from '../../src/render/scene.ts'

const size = { width: 128, height: 128 }
const count = 200

report('hand', (seed) => renderHand(sampleScene(seed), size))
report('handshake', (seed) => renderHandshake(sampleHandshake(seed), size))

/** Prints pictures a second by the clock and by the processor's time, which other programs do not slow down. */
function report(name: string, draw: (seed: number) => unknown): void {
  for (let seed = 0; seed < 20; seed++) draw(seed)
  const processor = process.cpuUsage()
  const clock = performance.now()
  for (let seed = 0; seed < count; seed++) draw(1000 + seed)
  const seconds = (performance.now() - clock) / 1000
  const { user, system } = process.cpuUsage(processor)
  const perSecond = [count / seconds, count / ((user + system) / 1e6)].map((rate) => rate.toFixed(1))
  console.log(`${name}: ${perSecond[0]} pictures of 128x128 a second, ${perSecond[1]} a second of processor time`)
}
