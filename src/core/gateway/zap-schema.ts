import { z } from 'zod'

/** A field of a struct: a type, `enum(a, b)`, a struct in it, or a list of such structs. */
export type ZapField = string | ZapStruct | readonly ZapStruct[]

/** A Cap'n Proto struct without unions: its fields in the order of their numbers, from @0 without a gap. */
export interface ZapStruct {
  readonly [name: string]: ZapField
}

const typeName = z
  .string()
  .regex(
    /^(?:Bool|U?Int(?:8|16|32|64)|Float(?:32|64)|Text|Data|enum\([a-z]\w*(?:, *[a-z]\w*)*\))$/,
    'write Bool, Int8 to UInt64, Float32, Float64, Text, Data, enum(a, b), a struct, or a list of one struct',
  )

/** The shape of a struct in a configuration. */
export const zapStructShape: z.ZodType<ZapStruct> = z.lazy(() =>
  z
    .record(
      z.string().regex(/^[a-z][A-Za-z0-9]{0,63}$/, "write the name of a field as Cap'n Proto does"),
      z.union([typeName, z.array(zapStructShape).length(1), zapStructShape]),
    )
    .refine(fields => Object.keys(fields).length <= MAX_STRUCT_FIELDS, `at most ${MAX_STRUCT_FIELDS} fields`),
)

const MAX_STRUCT_FIELDS = 256
