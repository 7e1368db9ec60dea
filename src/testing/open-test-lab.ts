import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Lab, type OpenLabOptions, openLab } from '../lab/index.ts'
import { endpointVariable } from './shared-worker.ts'

/**
 * A lab in a temporary folder that is removed when the lab is closed. It uses the worker of the global set-up, or
 * starts one without it. Throws as `openLab`.
 */
export async function openTestLab(options: Omit<OpenLabOptions, 'folder'> = {}): Promise<Lab> {
  const folder = await mkdtemp(join(tmpdir(), 'phalanx-lab-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  const attach = process.env[endpointVariable]
  const lab = await openLab({ ...(attach && { attach }), ...options, folder }).catch(async (error: unknown) => {
    await remove()
    throw error
  })
  const close = lab.close.bind(lab)
  lab.close = async () => {
    await close()
    await remove()
  }
  return lab
}
