import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { curate } from '../../src/curation/index.ts'
import { LabError } from '../../src/errors/index.ts'
import { cacheFolder } from '../../src/util/cache-folder.ts'
import { openNetwork } from '../../src/web/index.ts'
import { ensureEnvironment } from '../../src/worker/environment.ts'
import { interleave } from './interleave.ts'
import { makePictures, type PictureSite, servePictures } from './picture-site.ts'
import { type Row, tableOf } from './table.ts'

/** Downloads at a time, of either side. */
const workers = 16
const pairs = 3

/**
 * `npm run bench -- curate [images]`: a set of so many JPEGs (3,000 by default) from a server on loopback, beside
 * img2dataset in the same run; and a ledger of 100,000 candidates.
 */
export async function benchCurate([given = '3000', ...others]: readonly string[]): Promise<string> {
  const count = Number(given)
  if (others.length > 0 || !Number.isInteger(count) || count < 1) return 'Write: npm run bench -- curate [images]'
  const before = load()
  const pictures = join(cacheFolder(), 'bench', `pictures-${count}`)
  await mkdir(join(pictures, '..'), { recursive: true })
  await makePictures(pictures, count)
  const root = await mkdtemp(join(tmpdir(), 'phalanx-bench-'))
  try {
    const fetching = await measureFetching(pictures, root)
    const ledger = await measureLedger(join(root, 'ledger'))
    return [
      `On ${availableParallelism()} cores, load ${before} before and ${load()} after.`,
      tableOf([fetching, ...ledger]),
      `Images per second of ${workers} downloads at a time, from the first request to the end, median of ${pairs} pairs in turn;`,
      'the ratio is ours / peer. Ours asks robots.txt, checks, hashes twice, scores, and keeps each original file safe from',
      'loss of power; img2dataset fetches, resizes and encodes to JPEG, as that is all it is asked for. Of the ledger, seconds by',
      'the clock and in processor time.',
    ].join('\n')
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

async function measureFetching(pictures: string, root: string): Promise<Row> {
  await using site = await servePictures(pictures)
  const files = await readdir(pictures)
  const what = `${files.length} JPEGs, fetched to a set`
  let run = 0
  const ours = () => curateOnce(site, files, join(root, `ours-${run}`), `ours${run++}`)
  const python = await peerPython()
  if (typeof python !== 'string') {
    const rate = await ours()
    return {
      what,
      ours: `${rate.toFixed(0)} images/s`,
      peer: `no img2dataset: ${python.reason}`,
      ratio: '',
      aim: '>= 1',
    }
  }
  const peer = () => fetchWithPeer(python, site, files, join(root, `peer-${run}`), `peer${run++}`)
  const found = await interleave(ours, peer, pairs)
  return {
    what,
    ours: `${found.ours.toFixed(0)} images/s`,
    peer: `img2dataset: ${found.bare.toFixed(0)} images/s`,
    ratio: found.ratio.toFixed(2),
    aim: '>= 1',
  }
}

/** Images per second of this package. */
async function curateOnce(site: PictureSite, files: readonly string[], folder: string, run: string): Promise<number> {
  const list = `${folder}.jsonl`
  await writeFile(list, files.map((file) => `${JSON.stringify({ url: site.address(run, file) })}\n`).join(''))
  await using network = openNetwork({
    resolve: async () => [{ address: '127.0.0.1', family: 4 }],
    mayConnect: (address, port) => address === '127.0.0.1' && port === site.port,
  })
  const { counts } = await curate(
    {
      folder,
      sources: [{ type: 'list', file: list }],
      settings: { concurrency: workers, perHostPerSecond: 10_000, smallestSide: 256 },
    },
    { network },
  )
  const seconds = (Date.now() - site.started(run)) / 1000
  const done = counts.states.fetched + counts.duplicates
  if (done !== files.length) throw new Error(`${done} of ${files.length} images arrived`)
  await rm(folder, { recursive: true, force: true })
  return files.length / seconds
}

/** An environment that has img2dataset, or why there is none. */
async function peerPython(): Promise<string | { readonly reason: string }> {
  const requirements = [fileURLToPath(new URL('img2dataset-requirements.txt', import.meta.url))]
  try {
    return (await ensureEnvironment({ requirements, onProgress: ({ text }) => console.error(text) })).python
  } catch (error) {
    if (!LabError.isInstance(error)) throw error
    return { reason: error.message.split('\n')[0] ?? error.code }
  }
}

/** Images per second of img2dataset; its processes are as many as there are cores and its downloads as many as ours. */
async function fetchWithPeer(
  python: string,
  site: PictureSite,
  files: readonly string[],
  folder: string,
  run: string,
): Promise<number> {
  const processes = Math.min(availableParallelism(), workers)
  await writeFile(`${folder}.txt`, files.map((file) => `${site.address(run, file)}\n`).join(''))
  const options = {
    url_list: `${folder}.txt`,
    output_folder: folder,
    image_size: 512,
    resize_mode: 'keep_ratio',
    processes_count: processes,
    thread_count: Math.floor(workers / processes),
    number_sample_per_shard: Math.ceil(files.length / processes),
    extract_exif: 'False',
    compute_hash: 'None',
  }
  const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`)
  await execa(python, ['-c', 'from img2dataset.main import main; main()', ...flags], {
    ...{ stdin: 'ignore', all: true },
    env: { NO_ALBUMENTATIONS_UPDATE: '1' },
  })
  const seconds = (Date.now() - site.started(run)) / 1000
  const made = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.jpg')).length
  if (made !== files.length) throw new Error(`img2dataset made ${made} of ${files.length} images`)
  await rm(folder, { recursive: true, force: true })
  return files.length / seconds
}

/** In a process of its own, whose peak of memory is told. */
async function measureLedger(folder: string): Promise<Row[]> {
  const script = fileURLToPath(new URL('large-ledger.ts', import.meta.url))
  const { stdout } = await execa(process.execPath, ['--conditions=phalanx-source', '--import', 'tsx', script, folder], {
    stdin: 'ignore',
  })
  return JSON.parse(stdout) as Row[]
}

function load(): string {
  return loadavg()[0]?.toFixed(1) ?? '?'
}
