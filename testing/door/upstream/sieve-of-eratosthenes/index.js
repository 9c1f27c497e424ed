const LIMIT = 1000;

module.exports = (req, res) => {
    const composite = new Uint8Array(LIMIT + 1);
    const primes = [];
    for (let n = 2; n <= LIMIT; n++) {
        if (composite[n])
            continue;
        primes.push(n);
        for (let multiple = n * n; multiple <= LIMIT; multiple += n)
            composite[multiple] = 1;
    }
    res.send(primes.join(' ') + '\n');
};
