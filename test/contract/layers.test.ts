import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { brokenLayers, brokenPythonLayers, type Layers, type PythonLayers, strayPackages } from './layers.ts'
import { readTree, root } from './tree.ts'

const layers = JSON.parse(readFileSync(join(root, 'src/layers.json'), 'utf8')) as Layers
const pythonLayers = JSON.parse(readFileSync(join(root, 'python-worker/layers.json'), 'utf8')) as PythonLayers
const packages: Layers = { zeromq: ['worker'], msgpackr: ['protocol'], '@photostructure/sqlite': ['ledger'] }

describe('TypeScript folders', () => {
  const sources = readTree(['src'], ['.ts'])

  it('import only what layers.json allows', () => {
    expect(sources.length).toBeGreaterThan(50)
    expect(brokenLayers(sources, layers)).toEqual([])
  })

  it('leave sockets and message bytes to the folders that own them', () => {
    expect(strayPackages(sources, packages)).toEqual([])
  })

  it('are caught when they do not', () => {
    const wrong = [
      { path: 'src/report/page.ts', text: "import type { Lab } from '../lab/index.ts'" },
      { path: 'src/report/late.ts', text: "const lab = await import('../worker/index.ts')" },
      { path: 'src/novel/a.ts', text: '' },
    ]
    expect(brokenLayers(wrong, layers)).toEqual([
      'src/report/page.ts imports src/lab/index.ts',
      'src/report/late.ts imports src/worker/index.ts',
      'src/novel/a.ts: layers.json lacks the folder novel',
    ])
    expect(strayPackages([{ path: 'src/lab/a.ts', text: "import { Dealer } from 'zeromq'" }], packages)).toHaveLength(1)
  })

  it('have layers without a cycle', () => {
    const order = Object.keys(layers)
    for (const [folder, allowed] of Object.entries(layers)) {
      for (const name of allowed) expect(order.indexOf(name), `${folder} → ${name}`).toBeLessThan(order.indexOf(folder))
    }
  })
})

describe('Python packages', () => {
  it('import only what layers.json allows', () => {
    const sources = readTree(['python-worker/phalanx_worker'], ['.py'])
    expect(sources.length).toBeGreaterThan(30)
    expect(brokenPythonLayers(sources, pythonLayers)).toEqual([])
  })

  it('are caught when they do not', () => {
    const wrong = [
      {
        path: 'python-worker/phalanx_worker/server/a.py',
        text: 'import torch\nfrom phalanx_worker.model.base import Base',
      },
      { path: 'python-worker/phalanx_worker/jobs/b.py', text: 'def f():\n    from diffusers import UNet2DModel' },
      { path: 'python-worker/phalanx_worker/model/c.py', text: 'm = "phalanx_worker.jobs.train"' },
    ]
    expect(brokenPythonLayers(wrong, pythonLayers)).toEqual([
      'python-worker/phalanx_worker/server/a.py imports phalanx_worker.model',
      'python-worker/phalanx_worker/server/a.py imports torch',
      'python-worker/phalanx_worker/jobs/b.py imports diffusers',
      'python-worker/phalanx_worker/model/c.py imports phalanx_worker.jobs',
    ])
  })

  it('reach the server without torch', () => {
    const script = 'import phalanx_worker.server.serve, sys; print("torch" in sys.modules)'
    const output = execFileSync(process.env.PHALANX_PYTHON ?? 'python3', ['-c', script], {
      cwd: join(root, 'python-worker'),
      encoding: 'utf8',
    })
    expect(output.trim()).toBe('False')
  })
})
