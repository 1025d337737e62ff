
/* One linear system with the generated product, by the GMRES of gmres_newton.c, paired and signed as there; `work` ends
   in two vectors. Returns whether it converged; the relative residual that was reached is in `residual`. */
int solve_linear(Newton *s, const double *b, double tolerance, double *x) {
    double *rest = s->work + 4 * (s->restart + 1);
    int converged;
    block_signs(s, x, rest);
    s->residual = gmres(s, 1.0, b, tolerance, x, rest, &converged);
    return converged;
}
