import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { packageRoot } from '../../util/package-root.ts'
import { sha256File } from '../../util/sha256-file.ts'
import { type Check, ok, problem } from './check.ts'

/** SHA-256 of every file that comes with the package as data, by its path in `src/weights`. */
const checksums = z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/))

/** Whether the files of the embedded base and classifier are there and whole. */
export async function checkWeights(folder: string = join(packageRoot(), 'src', 'weights')): Promise<Check[]> {
  const again = 'Fetch the package again; its data files are incomplete.'
  let wanted: z.output<typeof checksums>
  try {
    wanted = checksums.parse(JSON.parse(await readFile(join(folder, 'checksums.json'), 'utf8')))
  } catch {
    return [problem('weights', `${join(folder, 'checksums.json')} is missing or broken`, again)]
  }
  const names = [...new Set(Object.keys(wanted).map((path) => path.split('/')[0] as string))]
  return Promise.all(
    names.map(async (name) => {
      const files = Object.entries(wanted).filter(([path]) => path.startsWith(`${name}/`))
      const found = await Promise.all(files.map(([path]) => sha256File(join(folder, path)).catch(() => null)))
      const wrong = files.filter(([, sha256], i) => found[i] !== sha256).map(([path]) => path)
      return wrong.length === 0
        ? ok(name, `${files.length} files, whole`)
        : problem(name, `broken: ${wrong.join(', ')}`, again)
    }),
  )
}
