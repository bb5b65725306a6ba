class Router {
    #routes = new Map();
    static #count = 0;
    static { Router.kind = 'edge'; }
    on(path, answer) { this.#routes.set(path, answer); Router.#count++; return this; }
    get size() { return Router.#count; }
    route = async (event) => {
        const { uri } = event.Records[0].cf.request;
        const answer = this.#routes.get(uri) ?? (() => ({ status: '404', body: `${Router.kind} ${this.size} ${#routes in this}` }));
        return answer(uri);
    };
}
const router = new Router().on('/a', () => ({ status: '200', body: 'a' })).on('/b', () => ({ status: '200', body: 'b' }));
exports.handler = router.route;
