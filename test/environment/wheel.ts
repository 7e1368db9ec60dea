import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'

const script = `
import sys, zipfile
path, name = sys.argv[1:]
info = f"{name}-1.0.dist-info"
files = {
    f"{name}.py": "value = 7\\n",
    f"{info}/METADATA": f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n",
    f"{info}/WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
}
record = "".join(f"{file},,\\n" for file in files) + f"{info}/RECORD,,\\n"
with zipfile.ZipFile(path, "w") as wheel:
    for file, text in {**files, f"{info}/RECORD": record}.items():
        wheel.writestr(file, text)
`

/** Writes a wheel of one module and a requirements file that installs it without a network; gives that file. */
export async function writeRequirements(folder: string, name: string): Promise<string> {
  const wheel = join(folder, `${name}-1.0-py3-none-any.whl`)
  await execa('python3', ['-c', script, wheel, name])
  const requirements = join(folder, `${name}.txt`)
  await writeFile(requirements, `# one package\n${wheel}\n`)
  return requirements
}
