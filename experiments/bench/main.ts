/** `npm run bench` measures the wire, training and sampling; `npm run bench -- study` measures studies. */
const [name = 'bench', ...others] = process.argv.slice(2)
if (others.length > 0 || (name !== 'bench' && name !== 'study')) {
  console.error('Write: npm run bench, or npm run bench -- study.')
  process.exitCode = 2
} else await import(`./${name}.ts`)
