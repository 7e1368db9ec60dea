import type { TrainingSettings } from '../config/training.ts'
import { bucketGrid, type Dataset, planBuckets, type Size } from '../dataset/index.ts'
import type { JobOf } from '../protocol/jobs.ts'
import type { Base } from './lab.ts'
import type { PlannedSubset, TrainPlan } from './train.ts'
import type { BucketCount } from './training.ts'

/** The sizes of all images, if the training keeps their aspects. */
export function bucketsOf(
  { buckets, width, height }: TrainingSettings,
  { description }: Base,
  datasets: readonly Dataset[],
): JobOf<'train'>['buckets'] {
  if (buckets === null) return null
  const { sizes, places } = planBuckets(
    datasets.map(({ items }) => items),
    bucketGrid(buckets, trainingSize({ width, height }, { description }), description),
  )
  return { sizes: [...sizes], places: places.map((indices) => [...indices]) }
}

/** The size of a training that has one, or whose area its sizes have. */
export function trainingSize(
  { width, height }: Pick<TrainingSettings, 'width' | 'height'>,
  { description }: Pick<Base, 'description'>,
): Size {
  return { width: width ?? description.imageSize, height: height ?? description.imageSize }
}

/** The first subset with random crops of images of which nothing is cut off, if there is one. */
export function idleCropOf(
  subsets: readonly PlannedSubset[],
  buckets: JobOf<'train'>['buckets'],
  size: Size,
): PlannedSubset | undefined {
  return subsets.find(
    ({ crop, dataset }, s) =>
      crop === 'random' &&
      dataset.items.every((item, i) => {
        const { width, height } = buckets?.sizes[buckets.places[s]?.[i] as number] ?? size
        return item.width * height === item.height * width
      }),
  )
}

/** How many images have which size in a training: before repeats, without those held out. */
export function bucketCounts({ job, base, subsets }: TrainPlan): BucketCount[] {
  const size = trainingSize(job.settings, base)
  const places =
    job.buckets?.places.slice(0, subsets.length).flat() ?? subsets.flatMap(({ dataset }) => dataset.items.map(() => 0))
  const counts = new Map<number, number>()
  for (const place of places) counts.set(place, (counts.get(place) ?? 0) + 1)
  return (job.buckets?.sizes ?? [size]).flatMap((one, i) => {
    const images = counts.get(i) ?? 0
    return images === 0 ? [] : [{ ...one, images }]
  })
}
