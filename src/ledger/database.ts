import { DatabaseSync, type DatabaseSyncInstance, type StatementSyncInstance } from '@photostructure/sqlite'
import { z } from 'zod'
import { DatasetError } from '../errors/index.ts'
import { applicationId, ledgerVersion, migrations, tables } from './tables.ts'

type Value = string | number | null

const failure = z.object({ sqliteCodeName: z.string(), sqliteExtendedCode: z.int() })
/** SQLITE_IOERR_SHMSIZE: the index of the log could not grow, for want of room. */
const noRoomForIndex = 4874

/** The SQLite file of a ledger. What is committed lasts, also when the machine loses power. */
export class LedgerDatabase {
  readonly #path: string
  readonly #database: DatabaseSyncInstance
  readonly #statements = new Map<string, StatementSyncInstance>()

  /** Opens or makes the file. Throws DatasetError (`not-a-ledger`, `newer-ledger`, `disk-full`, `ledger-failed`). */
  constructor(path: string) {
    this.#path = path
    this.#database = this.#guarded(() => new DatabaseSync(path))
    try {
      this.#guarded(() => this.#prepareFile())
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  /** All rows of a query. */
  all(sql: string, ...values: Value[]): unknown[] {
    return this.#guarded(() => this.#statement(sql).all(...values))
  }

  /** The first row of a query, undefined without one. */
  get(sql: string, ...values: Value[]): unknown {
    return this.#guarded(() => this.#statement(sql).get(...values))
  }

  /** Changes rows and gives how many. */
  run(sql: string, ...values: Value[]): number {
    return this.#guarded(() => Number(this.#statement(sql).run(...values).changes))
  }

  /** Does all of `work` or, when it throws, nothing of it. */
  transaction<Result>(work: () => Result): Result {
    this.#guarded(() => this.#database.exec('begin immediate'))
    try {
      const result = work()
      this.#guarded(() => this.#database.exec('commit'))
      return result
    } catch (error) {
      // SQLite itself has rolled back after some failures, a full disk among them.
      if (this.#database.isTransaction) this.#database.exec('rollback')
      throw error
    }
  }

  close(): void {
    if (!this.#database.isOpen) return
    this.#statements.clear()
    this.#database.close()
  }

  #prepareFile(): void {
    const version = this.#pragma('user_version')
    const owner = this.#pragma('application_id')
    const isNew = owner === 0 && version === 0 && this.get('select 1 from sqlite_schema') === undefined
    if (!isNew && owner !== applicationId) throw notLedger(this.#path)
    if (version > ledgerVersion) throw newerLedger(this.#path, version)
    this.#database.exec('pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on')
    if (isNew || version < ledgerVersion) this.transaction(() => this.#bringUp(isNew ? 0 : version))
  }

  #bringUp(from: number): void {
    if (from === 0) this.#database.exec(tables)
    for (let version = Math.max(from, 1); version < ledgerVersion; version++)
      this.#database.exec(migrations[version] as string)
  }

  #pragma(name: 'user_version' | 'application_id'): number {
    return z.object({ [name]: z.int() }).parse(this.get(`pragma ${name}`))[name] as number
  }

  #statement(sql: string): StatementSyncInstance {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  #guarded<Result>(work: () => Result): Result {
    try {
      return work()
    } catch (error) {
      throw typedError(this.#path, error)
    }
  }
}

function typedError(path: string, error: unknown): unknown {
  const known = failure.safeParse(error)
  if (DatasetError.isInstance(error) || !known.success) return error
  const { sqliteCodeName, sqliteExtendedCode } = known.data
  if (sqliteCodeName === 'SQLITE_NOTADB' || sqliteCodeName === 'SQLITE_CORRUPT') return notLedger(path, error)
  const facts = { path, reason: sqliteCodeName }
  if (sqliteCodeName === 'SQLITE_FULL' || sqliteExtendedCode === noRoomForIndex) {
    const message = `The disk of ${path} is full. Make room and run the same command again; nothing that was recorded is lost.`
    return new DatasetError({ code: 'disk-full', message, facts, cause: error })
  }
  const message = `${path} cannot be read or written (${(error as Error).message}). Check the disk and who may write there, then run the same command again.`
  return new DatasetError({ code: 'ledger-failed', message, facts, cause: error })
}

function notLedger(path: string, cause?: unknown): DatasetError {
  return new DatasetError({
    code: 'not-a-ledger',
    message: `${path} is not a ledger of this package, or it is damaged. Name another folder, or move the file away.`,
    facts: { path },
    cause,
  })
}

function newerLedger(path: string, version: number): DatasetError {
  return new DatasetError({
    code: 'newer-ledger',
    message: `${path} was written by a newer phalanx (version ${version} of its tables; this one knows ${ledgerVersion}). Update phalanx.`,
    facts: { path, version, known: ledgerVersion },
  })
}
