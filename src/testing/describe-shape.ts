import { z } from 'zod'

/** Names for schemas that are used in many places: told by their name, not by what is in them. */
export type ShapeNames = ReadonlyMap<z.core.$ZodType, string>

/**
 * What a schema accepts, as short text for a document: `{name: Name, labels: [Name] = [], reason?: text}`. `?` may be
 * left out, `=` is what is taken then, `/` is between alternatives, `{key: …}` without a fixed key is `{text: …}`.
 */
export function describeShape(schema: z.core.$ZodType, names: ShapeNames): string {
  const name = names.get(schema)
  if (name !== undefined) return name
  const inner = (part: z.core.$ZodType) => describeShape(part, names)
  if (schema instanceof z.ZodObject) return describeFields(schema, names)
  if (schema instanceof z.ZodArray) return `[${inner(schema.def.element)}]`
  if (schema instanceof z.ZodReadonly || schema instanceof z.ZodOptional) return inner(schema.def.innerType)
  if (schema instanceof z.ZodDefault)
    return `${inner(schema.def.innerType)} = ${JSON.stringify(schema.def.defaultValue)}`
  if (schema instanceof z.ZodEnum) return schema.options.map(option => JSON.stringify(option)).join(' / ')
  if (schema instanceof z.ZodLiteral)
    return [...schema.values].map(value => JSON.stringify(value)).join(' / ')
  if (schema instanceof z.ZodUnion) return schema.options.map(inner).join(' / ')
  if (schema instanceof z.ZodRecord) return `{${inner(schema.def.keyType)}: ${inner(schema.def.valueType)}}`
  return describePlain(schema)
}

function describeFields(schema: z.ZodObject, names: ShapeNames): string {
  const fields = Object.entries(schema.shape).map(([key, field]) => {
    const mark = field instanceof z.ZodOptional ? '?' : ''
    return `${key}${mark}: ${describeShape(field, names)}`
  })
  return `{${fields.join(', ')}}`
}

function describePlain(schema: z.core.$ZodType): string {
  if (schema instanceof z.ZodString) return 'text'
  if (schema instanceof z.ZodNumber) return 'number'
  if (schema instanceof z.ZodBoolean) return 'boolean'
  if (schema instanceof z.ZodNull || schema instanceof z.ZodUndefined) return 'null'
  throw new Error(`no words yet for a schema of type ${schema._zod.def.type}`)
}
