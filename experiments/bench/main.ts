import { LabError } from '../../src/errors/index.ts'

/**
 * `npm run bench` measures the wire, training and sampling; `npm run bench -- study` measures studies,
 * `npm run bench -- curate` the making of a set beside img2dataset, and
 * `npm run bench -- gpu` every technique on a GPU, with the options of `benchmarks/gpu.py`.
 */
const [name = 'bench', ...others] = process.argv.slice(2)
try {
  if (name === 'gpu') {
    const { benchGpu } = await import('./gpu.ts')
    console.log(await benchGpu(others))
  } else if (name === 'curate') {
    const { benchCurate } = await import('./curate.ts')
    console.log(await benchCurate(others))
  } else if (others.length === 0 && (name === 'bench' || name === 'study')) await import(`./${name}.ts`)
  else {
    console.error('Write: npm run bench, npm run bench -- study, npm run bench -- curate, or npm run bench -- gpu.')
    process.exitCode = 2
  }
} catch (error) {
  if (!LabError.isInstance(error)) throw error
  console.error(`${error.name} (${error.code}): ${error.message}`)
  process.exitCode = 1
}
