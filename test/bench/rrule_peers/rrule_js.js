// rrule.js: see README.md for what is measured and printed.
const fs = require('fs');
const { RRule } = require('rrule');
const version = require('rrule/package.json').version;

const now = new Date(Date.UTC(2026, 10, 22, 12));
const budget = 100e6;
const rounds = 3;

function processorNs() {
    const { user, system } = process.cpuUsage();
    return (user + system) * 1000;
}

// ns of a call: the best of some rounds of as many calls as fit into the budget, at least one
function best(call) {
    let found = Infinity;
    for (let round = 0; round < rounds; round++) {
        const begin = processorNs();
        let calls = 0;
        let spent;
        do {
            call();
            calls++;
            spent = processorNs() - begin;
        } while (spent < budget);
        found = Math.min(found, spent / calls);
        if (spent > 10 * budget)
            break;
    }
    return found;
}

// without its cache, which answers a repeated question
function rule(text, year) {
    return new RRule({ ...RRule.parseString(text), dtstart: new Date(Date.UTC(year, 10, 22, 9)) }, true);
}

function run(r) {
    let n = 0;
    r.all(() => ++n < 1000);
    return n;
}

console.log(`# rrule.js ${version}, Node.js ${process.versions.node}`);
for (const text of fs.readFileSync(0, 'utf8').trim().split('\n')) {
    const near = rule(text, 2016);
    const far = rule(text, 1976);
    const figures = [
        best(() => near.after(now)),
        best(() => far.after(now)),
        best(() => run(far)) / run(far),
        best(() => RRule.parseString(text)),
    ];
    console.log(figures.map((ns) => ns.toFixed(1)).join(' '));
}
