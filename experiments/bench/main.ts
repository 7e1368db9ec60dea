import { LabError } from '../../src/errors/index.ts'

const [what, ...options] = process.argv.slice(2)
try {
  if (what === undefined) await import('./bench.ts')
  else if (what === 'gpu') {
    const { benchGpu } = await import('./gpu.ts')
    console.log(await benchGpu(options))
  } else {
    console.error(`There is no benchmark ${JSON.stringify(what)}. Say "gpu", or nothing for the others.`)
    process.exitCode = 2
  }
} catch (error) {
  if (!LabError.isInstance(error)) throw error
  console.error(`${error.name} (${error.code}): ${error.message}`)
  process.exitCode = 1
}
