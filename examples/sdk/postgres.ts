// PostgreSQL over the mesh: the database listens on loopback alone, and is dialled by name.
//
//     node postgres.ts host 5432                        beside the database
//     node postgres.ts query 'select 1 as one'          anywhere else
//
// Where the controller is and how to log in comes from the environment; the user of the database from PGUSER and so on.
import { connect } from 'node:net'
import { pipeline } from 'node:stream'
import pg from 'pg'
import { createContext } from 'ztm/sdk'

const [role, argument = ''] = process.argv.slice(2)
const ztm = createContext()

if (role === 'host') {
  const listener = await ztm.listen('db')
  listener.onConnection(connection => {
    const database = connect(Number(argument), '127.0.0.1')
    const done = (error: Error | null | undefined) => error && console.error(error.message)
    pipeline(connection, database, done)
    pipeline(database, connection, done)
  })
  console.log('hosting db')
} else {
  const client = new pg.Client(ztm.connector().pg('db'))
  await client.connect()
  const { rows } = await client.query(argument)
  console.log(JSON.stringify(rows))
  await client.end()
  await ztm.close()
}
