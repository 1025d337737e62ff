
/* One linear system with the generated product, by the GMRES of gmres_newton.c, paired and signed as there; what stands
   behind (restart + 1) * (restart + 4) numbers of `work` is three vectors. Returns whether it converged; the relative
   residual that was reached is in `residual`. */
int solve_linear(Newton *s, const double *b, double tolerance, double *x) {
    const int64_t n = s->size;
    double *signs = s->work + (s->restart + 1) * (s->restart + 4), *signed_b = signs + n, *rest = signed_b + n;
    int converged;
    block_signs(s, signs, x, rest);
    for (int64_t i = 0; i < n; i++) signed_b[i] = signs[i] * b[i];
    s->residual = gmres(s, signs, signed_b, tolerance, x, rest, &converged);
    return converged;
}
