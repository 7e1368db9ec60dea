import { DatasetError } from '../errors/index.ts'

/** One thing that is wrong with a dataset. */
export interface DatasetProblem {
  /** Relative to the dataset's folder. */
  readonly file: string
  /** What is wrong, in words joined by hyphens. */
  readonly code: string
  readonly message: string
}

const listed = 20

/** All problems of a dataset as one error. */
export function datasetError(folder: string, problems: readonly DatasetProblem[]): DatasetError {
  const lines = problems.slice(0, listed).map(({ file, message }) => `- ${file}: ${message}`)
  if (problems.length > listed) lines.push(`and ${problems.length - listed} more`)
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  return new DatasetError({
    code: 'invalid-dataset',
    message: `${folder} cannot be used as a dataset, ${count}. Correct or remove these files:\n${lines.join('\n')}`,
    facts: { folder, count: problems.length, problems },
  })
}
