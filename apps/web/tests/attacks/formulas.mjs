// SPDX-License-Identifier: Apache-2.0
// Fifty formulas as models write them.
export const kFormulas = String.raw`
a^2 + b^2 = c^2
x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}
\sum_{i=1}^{n} i = \frac{n(n+1)}{2}
\int_0^1 x^2 \, dx = \frac{1}{3}
\lim_{x \to 0} \frac{\sin x}{x} = 1
e^{i\pi} + 1 = 0
\prod_{k=1}^{n} k = n!
\binom{n}{k} = \frac{n!}{k!(n-k)!}
\begin{pmatrix} a & b \\ c & d \end{pmatrix}
\begin{bmatrix} 1 & 0 & 0 \\ 0 & 1 & 0 \\ 0 & 0 & 1 \end{bmatrix}
f(x) = \begin{cases} x & x \ge 0 \\ -x & x < 0 \end{cases}
\begin{aligned} a &= b + c \\ &= d \end{aligned}
\nabla \times \mathbf{E} = -\frac{\partial \mathbf{B}}{\partial t}
\oint_{\partial S} \vec{F} \cdot d\vec{r}
\mathbb{R}^n \to \mathbb{C}
\mathcal{L}\{f\}(s) = \int_0^\infty f(t) e^{-st} dt
\hat{x} \bar{y} \tilde{z} \dot{u} \ddot{v}
\overline{AB} \underline{CD} \overbrace{a+b}^{n} \underbrace{c+d}_{m}
\sqrt[3]{x^3 + y^3}
\left( \frac{a}{b} \right)^{2}
\left[ \sum_i x_i \right] \left\{ y \right\}
\|x\|_2 = \sqrt{\sum_i x_i^2}
\alpha \beta \gamma \delta \epsilon \zeta \eta \theta
\Gamma \Delta \Theta \Lambda \Xi \Pi \Sigma \Omega
a \le b \ge c \ne d \approx e \equiv f
A \cup B \cap C \setminus D \subseteq E
\forall x \exists y : x \in Y \land y \notin Z
p \Rightarrow q \Leftrightarrow r \to s \mapsto t
\color{red}{x + y}
\textcolor{blue}{a} + \textcolor{green}{b}
\text{speed} = \frac{\text{distance}}{\text{time}}
\mathrm{H_2O} + \mathrm{CO_2}
10^{-3}\,\mathrm{kg}
\frac{d}{dx} \left( x^n \right) = n x^{n-1}
\frac{\partial^2 u}{\partial x^2} + \frac{\partial^2 u}{\partial y^2} = 0
\cfrac{1}{1 + \cfrac{1}{1 + \cfrac{1}{x}}}
\boxed{E = mc^2}
\operatorname{softmax}(z)_i = \frac{e^{z_i}}{\sum_j e^{z_j}}
\log_2 8 = 3, \quad \ln e = 1
\sin^2\theta + \cos^2\theta = 1
x_{1,2} = x_1 \cdots x_n \ldots
a \cdot b \times c \div d \pm e \mp f
\lfloor x \rfloor \lceil y \rceil
\langle \psi | \phi \rangle
\underset{x}{\arg\max} \; f(x)
\overset{!}{=} \stackrel{\text{def}}{=}
\begin{array}{c|c} a & b \\ \hline c & d \end{array}
{}^{14}_{6}\mathrm{C}
\mathfrak{g} \mathscr{H} \mathsf{T} \mathtt{code}
\Large x + \small y
`.trim().split('\n');
