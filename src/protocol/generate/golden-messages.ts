import { encode } from '../codec.ts'
import { example } from './example.ts'
import type { ProtocolDocument, SchemaNode } from './json-schema.ts'

/**
 * One message for each variant of each union, as JSON and as bytes, by file name: `<union>.<tag>.json` and `.msgpack`.
 * Both languages decode the bytes in their tests and must find what the JSON says.
 */
export function goldenMessages({ definitions }: ProtocolDocument): Readonly<Record<string, string | Uint8Array>> {
  const files: Record<string, string | Uint8Array> = {}
  for (const [union, node] of Object.entries(definitions)) {
    for (const member of node.oneOf ?? []) {
      const message = example(member, definitions) as object
      const name = `${union}.${tagOf(member, definitions)}`
      files[`${name}.json`] = `${JSON.stringify(message, null, 2)}\n`
      files[`${name}.msgpack`] = encode(message)
    }
  }
  return files
}

function tagOf(member: SchemaNode, definitions: Readonly<Record<string, SchemaNode>>): string {
  const definition = definitions[member.$ref?.slice('#/$defs/'.length) ?? '']
  const tag = definition?.properties?.type?.const
  if (tag === undefined) throw new Error(`${JSON.stringify(member)} is a member of a union without a type`)
  return tag
}
