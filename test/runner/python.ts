import { ensureEnvironment } from '../../src/worker/environment.ts'

/** The interpreter that checks and tests run with; says what it is and, when it must be made first, how far that is. */
export async function preparePython(): Promise<string> {
  let said = ''
  const { python } = await ensureEnvironment({
    test: true,
    onProgress: ({ phase, text, done, total }) => {
      const line = phase === 'installing' ? `Installing Python packages: ${done} of ${total}` : text
      if (line === said) return
      said = line
      console.log(line)
    },
  })
  console.log(`Python: ${python}`)
  return python
}
