import { ConfigError, DatasetError } from '../errors/index.ts'

export function busy(source: string, retryAt: number): DatasetError {
  const time = new Date(retryAt).toISOString()
  return new DatasetError({
    code: 'source-busy',
    message: `${source} takes no more questions until ${time}. Run the same command again then; what it answered is kept.`,
    facts: { source, retryAt: time },
  })
}

export function keyRefused(source: string, variable: string, text: string): ConfigError {
  return new ConfigError({
    code: 'source-key-refused',
    message: `${source} does not take the key in ${variable} (${text}). Check it in the account where it was made.`,
    facts: { source, variable },
  })
}

export function refused(source: string, status: number, text: string): DatasetError {
  return new DatasetError({
    code: 'source-refused',
    message: `${source} refused the question with ${status}: ${text}. Change the query or the source's address.`,
    facts: { source, status, text },
  })
}

export function unreachable(source: string, address: string, cause: unknown): DatasetError {
  return new DatasetError({
    code: 'source-unreachable',
    message: `${source} does not answer at ${address}. Check the network and run the same command again; what it answered is kept.`,
    facts: { source, address },
    cause,
  })
}

export function wrongAnswer(source: string, cause: unknown): DatasetError {
  return new DatasetError({
    code: 'source-answer',
    message: `The answer of ${source} is not of the form that it documents. Check its address; if that is right, its interface has changed and phalanx must be updated.`,
    facts: { source },
    cause,
  })
}

export function missingKey(source: string, variable: string): ConfigError {
  return new ConfigError({
    code: 'missing-key',
    message: `${source} wants a key. Put it into the environment variable ${variable}.`,
    facts: { source, variable },
  })
}

export function ended(source: string, date: string): ConfigError {
  return new ConfigError({
    code: 'source-ended',
    message: `${source} ended on ${date}. Use openverse, commons, brave or flickr.`,
    facts: { source, date },
  })
}
