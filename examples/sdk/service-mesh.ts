// Three services that only reach each other by name: `shop` asks `prices` and `stock`. None of them opens a port.
//
//     node service-mesh.ts prices &  node service-mesh.ts stock &  node service-mesh.ts shop &
//     node service-mesh.ts customer apples
//
// Where the controller is and how to log in comes from the environment, for each program its own.
import http from 'node:http'
import { createContext } from 'ztm/sdk'

const [role, item = 'apples'] = process.argv.slice(2)
const ztm = createContext()
const ask = async (url: string) => (await ztm.fetch(url)).json() as Promise<Record<string, unknown>>

const answers: Record<string, (item: string) => Promise<object>> = {
  prices: async name => ({ price: name.length * 10 }),
  stock: async name => ({ left: name.length }),
  async shop(name) {
    const [price, stock] = await Promise.all([
      ask(`http://prices.ztm/${name}`),
      ask(`http://stock.ztm/${name}`),
    ])
    return { item: name, ...price, ...stock }
  },
}

const answer = role === undefined ? undefined : answers[role]
if (role !== undefined && answer !== undefined) {
  const server = http.createServer(async (request, response) => {
    response.end(JSON.stringify(await answer(decodeURIComponent(request.url?.slice(1) ?? ''))))
  })
  await ztm.server(server, role)
  console.log(`hosting ${role}`)
} else {
  console.log(JSON.stringify(await ask(`http://shop.ztm/${item}`)))
  await ztm.close()
}
