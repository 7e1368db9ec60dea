import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readCode, readCodeIdentity } from '../../src/study/code-identity.ts'
import { packageRoot } from '../../src/util/package-root.ts'

describe('readCodeIdentity', () => {
  it('gives a hash per step, the same every time', async () => {
    const identity = await readCodeIdentity()
    expect(Object.values(identity).every((hash) => /^[0-9a-f]{64}$/.test(hash))).toBe(true)
    expect(new Set(Object.values(identity)).size).toBe(5)
    expect(await readCodeIdentity()).toEqual(identity)
  })

  it('counts all techniques and the training loop for a training, the samplers for samples', async () => {
    const techniques = readdirSync(join(packageRoot(), 'python-worker', 'phalanx_worker', 'techniques'))
    const training = await readCode('train')
    for (const file of techniques.filter((name) => name.endsWith('.py') && name !== '__init__.py')) {
      expect([...training.keys()]).toContain(`techniques/${file}`)
    }
    expect([...training.keys()]).toContain('training/loop.py')
    expect([...(await readCode('sample')).keys()]).toEqual(
      expect.arrayContaining(['sampling/samplers.py', 'model/load.py']),
    )
    expect((await readCode('score')).size).toBeGreaterThan(0)
  })
})
